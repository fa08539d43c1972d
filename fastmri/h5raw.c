#include "h5.h"

#include <stdlib.h>
#include <string.h>

// insert adds an unsigned integer member of size bytes to a memory type.
static int insert(hid_t type, const char *name, size_t offset, size_t size)
{
	return H5Tinsert(type, name, offset, size == 8 ? H5T_NATIVE_UINT64 : H5T_NATIVE_UINT16) < 0;
}

// insert3 adds an array of three floats.
static int insert3(hid_t type, const char *name, size_t offset)
{
	hid_t three = H5Tarray_create2(H5T_NATIVE_FLOAT, 1, (hsize_t[]){3});
	int bad = three < 0 || H5Tinsert(type, name, offset, three) < 0;
	if (three >= 0)
		H5Tclose(three);
	return bad;
}

#define INDEX(m) insert(idx, #m, offsetof(fm_index, m), sizeof(((fm_index *)0)->m))
#define HEAD(m) insert(head, #m, offsetof(fm_line, m), sizeof(((fm_line *)0)->m))
#define HEAD3(m) insert3(head, #m, offsetof(fm_line, m))

// line_type makes the memory type of fm_line: the members of an ISMRMRD acquisition header that are used, by name.
static hid_t line_type(void)
{
	hid_t idx = H5Tcreate(H5T_COMPOUND, sizeof(fm_index));
	hid_t head = H5Tcreate(H5T_COMPOUND, sizeof(fm_line));
	hid_t line = H5Tcreate(H5T_COMPOUND, sizeof(fm_line));
	int bad = idx < 0 || head < 0 || line < 0 || INDEX(kspace_encode_step_1) || INDEX(kspace_encode_step_2) || INDEX(slice) ||
	          INDEX(contrast) || INDEX(phase) || INDEX(repetition) || INDEX(set) || HEAD(flags) || HEAD(number_of_samples) ||
	          HEAD(active_channels) || HEAD(discard_pre) || HEAD(discard_post) || HEAD(center_sample) || HEAD(encoding_space_ref) ||
	          HEAD3(position) || HEAD3(read_dir) || HEAD3(phase_dir) || HEAD3(slice_dir) ||
	          H5Tinsert(head, "idx", offsetof(fm_line, idx), idx) < 0 || H5Tinsert(line, "head", 0, head) < 0;
	if (idx >= 0)
		H5Tclose(idx);
	if (head >= 0)
		H5Tclose(head);
	if (bad && line >= 0) {
		H5Tclose(line);
		return -1;
	}
	return line;
}

// holds says whether the compound have has every member of want, of the same class, all the way down. libhdf5 itself would leave
// out silently what is missing.
static int holds(hid_t have, hid_t want)
{
	int i, n = H5Tget_nmembers(want), ok = H5Tget_class(have) == H5T_COMPOUND;
	for (i = 0; ok && i < n; i++) {
		char *name = H5Tget_member_name(want, (unsigned)i);
		int at = name == NULL ? -1 : H5Tget_member_index(have, name);
		if (name != NULL)
			H5free_memory(name);
		ok = at >= 0 && H5Tget_member_class(have, (unsigned)at) == H5Tget_member_class(want, (unsigned)i);
		if (ok && H5Tget_member_class(want, (unsigned)i) == H5T_COMPOUND) {
			hid_t a = H5Tget_member_type(have, (unsigned)at), b = H5Tget_member_type(want, (unsigned)i);
			ok = a >= 0 && b >= 0 && holds(a, b);
			H5Tclose(a);
			H5Tclose(b);
		}
	}
	return ok;
}

// fm_raw checks that dset is a list of ISMRMRD acquisitions and gives its length.
int fm_raw(hid_t dset, hsize_t *n)
{
	hid_t have = H5Dget_type(dset), want = line_type(), space = H5Dget_space(dset);
	int result = FM_FAILED, at;
	if (have >= 0 && want >= 0 && space >= 0) {
		result = FM_TYPE;
		if (holds(have, want) && (at = H5Tget_member_index(have, "data")) >= 0 && H5Tget_member_class(have, (unsigned)at) == H5T_VLEN) {
			hid_t list = H5Tget_member_type(have, (unsigned)at), base = list < 0 ? -1 : H5Tget_super(list);
			if (base >= 0 && H5Tget_class(base) == H5T_FLOAT)
				result = H5Sget_simple_extent_ndims(space) == 1 && H5Sget_simple_extent_dims(space, n, NULL) == 1 ? FM_OK : FM_SHAPE;
			if (base >= 0)
				H5Tclose(base);
			if (list >= 0)
				H5Tclose(list);
		}
	}
	if (have >= 0)
		H5Tclose(have);
	if (want >= 0)
		H5Tclose(want);
	if (space >= 0)
		H5Sclose(space);
	return result;
}

// read_rows reads n elements of a one-dimensional dataset from start.
static int read_rows(hid_t dset, hid_t mem, hsize_t start, hsize_t n, void *dst)
{
	hid_t file = H5Dget_space(dset), memory = H5Screate_simple(1, &n, NULL);
	int result = FM_FAILED;
	if (file >= 0 && memory >= 0 && H5Sselect_hyperslab(file, H5S_SELECT_SET, &start, NULL, &n, NULL) >= 0)
		result = fm_read(dset, mem, memory, file, dst);
	if (file >= 0)
		H5Sclose(file);
	if (memory >= 0)
		H5Sclose(memory);
	return result;
}

// fm_lines reads the headers of n acquisitions from start.
int fm_lines(hid_t dset, hsize_t start, hsize_t n, fm_line *dst)
{
	hid_t mem = line_type();
	int result;
	if (mem < 0)
		return FM_FAILED;
	memset(dst, 0, n * sizeof *dst);
	result = read_rows(dset, mem, start, n, dst);
	H5Tclose(mem);
	return result;
}

// fm_samples reads the samples of one acquisition, which must be n floats.
int fm_samples(hid_t dset, hsize_t at, size_t n, float *dst)
{
	hid_t list = H5Tvlen_create(H5T_NATIVE_FLOAT), mem = H5Tcreate(H5T_COMPOUND, sizeof(hvl_t));
	hvl_t found = {0, NULL};
	int result = FM_FAILED;
	if (list >= 0 && mem >= 0 && H5Tinsert(mem, "data", 0, list) >= 0)
		result = read_rows(dset, mem, at, 1, &found);
	if (result == FM_OK && found.len != n)
		result = FM_SHAPE;
	if (result == FM_OK)
		memcpy(dst, found.p, n * sizeof *dst);
	free(found.p); // libhdf5 takes such memory from malloc
	if (list >= 0)
		H5Tclose(list);
	if (mem >= 0)
		H5Tclose(mem);
	return result;
}
