#include "h5.h"

#include <stdlib.h>
#include <string.h>

static herr_t find_memory(unsigned n, const H5E_error2_t *e, void *found)
{
	(void)n;
	if (e->min_num == H5E_NOSPACE || e->min_num == H5E_CANTALLOC)
		*(int *)found = 1;
	return 0;
}

// failed tells a lack of memory from other failures of the last call.
static int failed(void)
{
	int memory = 0;
	H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, find_memory, &memory);
	return memory ? FM_NO_MEMORY : FM_FAILED;
}

// fm_link says what the name at loc is, without following it: FM_OK is a dataset of this very file.
int fm_link(hid_t loc, const char *name)
{
	H5L_info_t link;
	H5O_info_t object;
	htri_t exists = H5Lexists(loc, name, H5P_DEFAULT);
	if (exists < 0)
		return failed();
	if (exists == 0)
		return FM_ABSENT;
	if (H5Lget_info(loc, name, &link, H5P_DEFAULT) < 0)
		return failed();
	switch (link.type) {
	case H5L_TYPE_HARD:
		break;
	case H5L_TYPE_SOFT:
		return FM_SOFT;
	case H5L_TYPE_EXTERNAL:
		return FM_EXTERNAL;
	default:
		return FM_LINK;
	}
	if (H5Oget_info_by_name2(loc, name, &object, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
		return failed();
	return object.type == H5O_TYPE_DATASET ? FM_OK : FM_NOT_DATASET;
}

// fm_storage checks that the data lie in this file and need no filter that is not built in.
int fm_storage(hid_t dset, int *filter)
{
	int result = FM_OK, i, n;
	hid_t plist = H5Dget_create_plist(dset);
	if (plist < 0)
		return failed();
	if ((n = H5Pget_external_count(plist)) < 0)
		result = failed();
	else if (n > 0)
		result = FM_EXTERNAL;
	else if (H5Pget_layout(plist) == H5D_VIRTUAL)
		result = FM_VIRTUAL;
	else if ((n = H5Pget_nfilters(plist)) < 0)
		result = failed();
	for (i = 0; result == FM_OK && i < n; i++) {
		unsigned flags, config;
		size_t values = 0;
		H5Z_filter_t f = H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
		if (f != H5Z_FILTER_DEFLATE && f != H5Z_FILTER_SHUFFLE && f != H5Z_FILTER_FLETCHER32) {
			*filter = (int)f;
			result = FM_FILTER;
		}
	}
	H5Pclose(plist);
	return result;
}

// unfinished says whether chunks of dset were never written.
static int unfinished(hid_t dset)
{
	hsize_t dims[H5S_MAX_RANK], chunk[H5S_MAX_RANK], expected = 1, found = 0;
	hid_t plist = H5Dget_create_plist(dset), space = H5Dget_space(dset);
	int i, n = 0, chunked = 0;
	if (plist >= 0 && space >= 0 && H5Pget_layout(plist) == H5D_CHUNKED) {
		n = H5Sget_simple_extent_dims(space, dims, NULL);
		chunked = n > 0 && H5Pget_chunk(plist, n, chunk) == n && H5Dget_num_chunks(dset, space, &found) >= 0;
	}
	for (i = 0; chunked && i < n; i++)
		expected *= (dims[i] + chunk[i] - 1) / chunk[i];
	if (plist >= 0)
		H5Pclose(plist);
	if (space >= 0)
		H5Sclose(space);
	return chunked && found < expected;
}

// fm_stored tells a dataset with all its data from a shape that lacks some, which libhdf5 would read as zeros.
int fm_stored(hid_t dset)
{
	return H5Dget_storage_size(dset) == 0 ? FM_EMPTY : unfinished(dset) ? FM_UNFINISHED : FM_OK;
}

static int is_float(hid_t type)
{
	return H5Tequal(type, H5T_IEEE_F32LE) > 0 || H5Tequal(type, H5T_IEEE_F32BE) > 0 ||
	       H5Tequal(type, H5T_IEEE_F64LE) > 0 || H5Tequal(type, H5T_IEEE_F64BE) > 0;
}

static int member_is(hid_t type, unsigned i, const char *want)
{
	char *name = H5Tget_member_name(type, i);
	hid_t member = H5Tget_member_type(type, i);
	int ok = name != NULL && strcmp(name, want) == 0 && member >= 0 && is_float(member);
	if (name != NULL)
		H5free_memory(name);
	if (member >= 0)
		H5Tclose(member);
	return ok;
}

// fm_complex checks that dset holds complex floats with members (r, i) as h5py writes them or (real, imag) as ISMRMRD, and
// makes the memory type that reads them as complex64, converting byte order and precision. The caller closes *mem.
int fm_complex(hid_t dset, hid_t *mem)
{
	const char *re = "r", *im = "i";
	int result = FM_TYPE;
	hid_t type = H5Dget_type(dset);
	if (type < 0)
		return failed();
	if (H5Tget_class(type) == H5T_COMPOUND && H5Tget_nmembers(type) == 2) {
		if (!member_is(type, 0, re))
			re = "real", im = "imag";
		if (member_is(type, 0, re) && member_is(type, 1, im))
			result = FM_OK;
	}
	H5Tclose(type);
	if (result != FM_OK)
		return result;
	*mem = H5Tcreate(H5T_COMPOUND, 8);
	if (*mem < 0 || H5Tinsert(*mem, re, 0, H5T_NATIVE_FLOAT) < 0 || H5Tinsert(*mem, im, 4, H5T_NATIVE_FLOAT) < 0)
		return failed();
	return FM_OK;
}

// fm_float checks that dset holds real floats.
int fm_float(hid_t dset)
{
	hid_t type = H5Dget_type(dset);
	int ok;
	if (type < 0)
		return failed();
	ok = is_float(type);
	H5Tclose(type);
	return ok ? FM_OK : FM_TYPE;
}

// fm_read reads what filespace selects into dst, which holds as many elements of mem as memspace. Unlike gonum it names the
// memory type, so that the file cannot decide how many bytes are written.
int fm_read(hid_t dset, hid_t mem, hid_t memspace, hid_t filespace, void *dst)
{
	return H5Dread(dset, mem, memspace, filespace, H5P_DEFAULT, dst) < 0 ? failed() : FM_OK;
}

// fm_native_float is the memory type of float32, which is a variable of libhdf5 and not a constant.
hid_t fm_native_float(void)
{
	return H5T_NATIVE_FLOAT;
}

// fm_numbers reads a dataset or attribute of exactly n integers, floats or booleans.
int fm_numbers(hid_t obj, int attr, hssize_t n, double *dst)
{
	int result = FM_OK;
	hid_t type = attr ? H5Aget_type(obj) : H5Dget_type(obj);
	hid_t space = attr ? H5Aget_space(obj) : H5Dget_space(obj);
	H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
	if (type < 0 || space < 0)
		result = failed();
	else if (class != H5T_INTEGER && class != H5T_FLOAT && class != H5T_ENUM)
		result = FM_TYPE;
	else if (H5Sget_simple_extent_npoints(space) != n)
		result = FM_SHAPE;
	else if ((attr ? H5Aread(obj, H5T_NATIVE_DOUBLE, dst) : H5Dread(obj, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, dst)) < 0)
		result = failed();
	if (type >= 0)
		H5Tclose(type);
	if (space >= 0)
		H5Sclose(space);
	return result;
}

// fm_string reads a dataset or attribute that is one string, fixed or variable, of at most cap bytes. The caller frees *out.
int fm_string(hid_t obj, int attr, size_t cap, char **out)
{
	int result = FM_OK;
	hid_t mem = -1;
	hid_t type = attr ? H5Aget_type(obj) : H5Dget_type(obj);
	hid_t space = attr ? H5Aget_space(obj) : H5Dget_space(obj);
	*out = NULL;
	if (type < 0 || space < 0) {
		result = failed();
	} else if (H5Tget_class(type) != H5T_STRING) {
		result = FM_TYPE;
	} else if (H5Sget_simple_extent_npoints(space) != 1) {
		result = FM_SHAPE;
	} else if (H5Tis_variable_str(type) > 0) {
		char *text = NULL;
		mem = H5Tcopy(type);
		if (mem < 0 || (attr ? H5Aread(obj, mem, &text) : H5Dread(obj, mem, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text)) < 0) {
			result = failed();
		} else if (text != NULL && strnlen(text, cap + 1) > cap) {
			result = FM_LARGE;
		} else if ((*out = strdup(text == NULL ? "" : text)) == NULL) {
			result = FM_NO_MEMORY;
		}
		if (text != NULL)
			H5Dvlen_reclaim(mem, space, H5P_DEFAULT, &text);
	} else {
		size_t size = H5Tget_size(type);
		mem = H5Tcopy(type);
		if (size == 0 || mem < 0)
			result = failed();
		else if (size > cap)
			result = FM_LARGE;
		else if ((*out = calloc(size + 1, 1)) == NULL)
			result = FM_NO_MEMORY;
		else if ((attr ? H5Aread(obj, mem, *out) : H5Dread(obj, mem, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out)) < 0)
			result = failed();
	}
	if (result != FM_OK) {
		free(*out);
		*out = NULL;
	}
	if (mem >= 0)
		H5Tclose(mem);
	if (type >= 0)
		H5Tclose(type);
	if (space >= 0)
		H5Sclose(space);
	return result;
}
