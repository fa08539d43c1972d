#include "h5.h"

static hid_t complex_type(void)
{
	hid_t type = H5Tcreate(H5T_COMPOUND, 8);
	if (type >= 0 && (H5Tinsert(type, "r", 0, H5T_IEEE_F32LE) < 0 || H5Tinsert(type, "i", 4, H5T_IEEE_F32LE) < 0)) {
		H5Tclose(type);
		return -1;
	}
	return type;
}

// create makes a dataset without a modification time, so that the same content gives the same bytes.
static hid_t create(hid_t file, const char *name, hid_t type, hid_t space)
{
	hid_t dset = -1, plist = H5Pcreate(H5P_DATASET_CREATE);
	if (plist >= 0 && H5Pset_obj_track_times(plist, 0) >= 0)
		dset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
	if (plist >= 0)
		H5Pclose(plist);
	return dset;
}

// fm_create makes a dataset of complex64 or float32, negative on failure.
hid_t fm_create(hid_t file, const char *name, int complex, int rank, const hsize_t *dims)
{
	hid_t dset = -1;
	hid_t type = complex ? complex_type() : H5Tcopy(H5T_IEEE_F32LE);
	hid_t space = H5Screate_simple(rank, dims, NULL);
	if (type >= 0 && space >= 0)
		dset = create(file, name, type, space);
	if (space >= 0)
		H5Sclose(space);
	if (type >= 0)
		H5Tclose(type);
	return dset;
}

// fm_write writes values in the dataset's own type, which fm_create chose.
int fm_write(hid_t dset, hid_t memspace, hid_t filespace, const void *src)
{
	int result = FM_FAILED;
	hid_t type = H5Dget_type(dset);
	if (type >= 0) {
		if (H5Dwrite(dset, type, memspace, filespace, H5P_DEFAULT, src) >= 0)
			result = FM_OK;
		H5Tclose(type);
	}
	return result;
}

// fm_write_mask writes a dataset of booleans as h5py stores them.
int fm_write_mask(hid_t file, const char *name, hsize_t n, const signed char *mask)
{
	int result = FM_FAILED;
	signed char no = 0, yes = 1;
	hid_t type = H5Tenum_create(H5T_STD_I8LE), space = H5Screate_simple(1, &n, NULL), dset = -1;
	if (type >= 0 && space >= 0 && H5Tenum_insert(type, "FALSE", &no) >= 0 && H5Tenum_insert(type, "TRUE", &yes) >= 0)
		dset = create(file, name, type, space);
	if (dset >= 0) {
		if (H5Dwrite(dset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, mask) >= 0)
			result = FM_OK;
		H5Dclose(dset);
	}
	if (space >= 0)
		H5Sclose(space);
	if (type >= 0)
		H5Tclose(type);
	return result;
}

static hid_t text_type(void)
{
	hid_t type = H5Tcopy(H5T_C_S1);
	if (type >= 0) {
		H5Tset_size(type, H5T_VARIABLE);
		H5Tset_cset(type, H5T_CSET_UTF8);
	}
	return type;
}

// fm_write_text writes a dataset of one string: a scalar, or a list of one.
int fm_write_text(hid_t loc, const char *name, const char *text, int list)
{
	int result = FM_FAILED;
	hid_t type = text_type(), dset = -1;
	hid_t space = list ? H5Screate_simple(1, (hsize_t[]){1}, NULL) : H5Screate(H5S_SCALAR);
	if (type >= 0 && space >= 0)
		dset = create(loc, name, type, space);
	if (dset >= 0) {
		if (H5Dwrite(dset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text) >= 0)
			result = FM_OK;
		H5Dclose(dset);
	}
	if (space >= 0)
		H5Sclose(space);
	if (type >= 0)
		H5Tclose(type);
	return result;
}

static int attribute(hid_t file, const char *name, hid_t type, hid_t mem, const void *value)
{
	int result = FM_FAILED;
	hid_t space = H5Screate(H5S_SCALAR), attr = -1;
	if (space >= 0)
		attr = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
	if (attr >= 0) {
		if (H5Awrite(attr, mem, value) >= 0)
			result = FM_OK;
		H5Aclose(attr);
	}
	if (space >= 0)
		H5Sclose(space);
	return result;
}

// The fm_attr functions write scalar attributes of the root.
int fm_attr_text(hid_t file, const char *name, const char *text)
{
	int result = FM_FAILED;
	hid_t type = text_type();
	if (type >= 0) {
		result = attribute(file, name, type, type, &text);
		H5Tclose(type);
	}
	return result;
}

int fm_attr_double(hid_t file, const char *name, double value)
{
	return attribute(file, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

int fm_attr_int(hid_t file, const char *name, long long value)
{
	return attribute(file, name, H5T_STD_I64LE, H5T_NATIVE_LLONG, &value);
}
