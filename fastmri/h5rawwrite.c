#include "h5.h"

#include <stdlib.h>
#include <string.h>

// A member of an acquisition header: n values of a kind, u for unsigned, i for signed, f for float, of so many bytes.
typedef struct {
	const char *name;
	char kind;
	size_t size;
	hsize_t n;
} member;

static const member counters[] = {
	{"kspace_encode_step_1", 'u', 2, 1}, {"kspace_encode_step_2", 'u', 2, 1}, {"average", 'u', 2, 1}, {"slice", 'u', 2, 1},
	{"contrast", 'u', 2, 1}, {"phase", 'u', 2, 1}, {"repetition", 'u', 2, 1}, {"set", 'u', 2, 1}, {"segment", 'u', 2, 1}, {"user", 'u', 2, 8}, {0},
};

// head has an entry without a kind where the counters are.
static const member head[] = {
	{"version", 'u', 2, 1}, {"flags", 'u', 8, 1}, {"measurement_uid", 'u', 4, 1}, {"scan_counter", 'u', 4, 1}, {"acquisition_time_stamp", 'u', 4, 1},
	{"physiology_time_stamp", 'u', 4, 3}, {"number_of_samples", 'u', 2, 1}, {"available_channels", 'u', 2, 1}, {"active_channels", 'u', 2, 1},
	{"channel_mask", 'u', 8, 16}, {"discard_pre", 'u', 2, 1}, {"discard_post", 'u', 2, 1}, {"center_sample", 'u', 2, 1},
	{"encoding_space_ref", 'u', 2, 1}, {"trajectory_dimensions", 'u', 2, 1}, {"sample_time_us", 'f', 4, 1}, {"position", 'f', 4, 3},
	{"read_dir", 'f', 4, 3}, {"phase_dir", 'f', 4, 3}, {"slice_dir", 'f', 4, 3}, {"patient_table_position", 'f', 4, 3}, {"idx", 0, 34, 1},
	{"user_int", 'i', 4, 8}, {"user_float", 'f', 4, 8}, {0},
};

static hid_t packed_type(const member *members, size_t size);

// member_type makes the type of a member.
static hid_t member_type(const member *m)
{
	hid_t one, many;
	if (m->kind == 0)
		return packed_type(counters, m->size);
	if (m->kind == 'f')
		one = H5Tcopy(H5T_IEEE_F32LE);
	else
		one = H5Tcopy(m->size == 8 ? H5T_STD_U64LE : m->size == 2 ? H5T_STD_U16LE : m->kind == 'i' ? H5T_STD_I32LE : H5T_STD_U32LE);
	if (one < 0 || m->n == 1)
		return one;
	many = H5Tarray_create2(one, 1, &m->n);
	H5Tclose(one);
	return many;
}

// packed_type makes a compound of the members one behind the other.
static hid_t packed_type(const member *members, size_t size)
{
	hid_t type = H5Tcreate(H5T_COMPOUND, size);
	size_t at = 0;
	for (; type >= 0 && members->name != NULL; members++) {
		hid_t of = member_type(members);
		int bad = of < 0 || H5Tinsert(type, members->name, at, of) < 0;
		if (of >= 0)
			H5Tclose(of);
		if (bad) {
			H5Tclose(type);
			return -1;
		}
		at += members->size * (size_t)members->n;
	}
	return type;
}

typedef struct {
	unsigned char head[FM_HEAD];
	hvl_t traj, data;
} acquisition;

// acquisition_type makes the type of an acquisition, in the file as in memory.
static hid_t acquisition_type(void)
{
	hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(acquisition)), of = packed_type(head, FM_HEAD), list = H5Tvlen_create(H5T_IEEE_F32LE);
	int bad = type < 0 || of < 0 || list < 0 || H5Tinsert(type, "head", offsetof(acquisition, head), of) < 0 ||
	          H5Tinsert(type, "traj", offsetof(acquisition, traj), list) < 0 || H5Tinsert(type, "data", offsetof(acquisition, data), list) < 0;
	if (of >= 0)
		H5Tclose(of);
	if (list >= 0)
		H5Tclose(list);
	if (bad && type >= 0) {
		H5Tclose(type);
		return -1;
	}
	return type;
}

// fm_raw_create makes the list of acquisitions, still empty; negative on failure.
hid_t fm_raw_create(hid_t group)
{
	hid_t dset = -1, type = acquisition_type(), space = H5Screate_simple(1, (hsize_t[]){0}, (hsize_t[]){H5S_UNLIMITED});
	hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
	if (type >= 0 && space >= 0 && plist >= 0 && H5Pset_obj_track_times(plist, 0) >= 0 && H5Pset_chunk(plist, 1, (hsize_t[]){64}) >= 0)
		dset = H5Dcreate2(group, "data", type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
	if (plist >= 0)
		H5Pclose(plist);
	if (space >= 0)
		H5Sclose(space);
	if (type >= 0)
		H5Tclose(type);
	return dset;
}

// fm_raw_append writes n acquisitions behind the first at, whose trajectories and samples follow one another in traj and data.
int fm_raw_append(hid_t dset, hsize_t at, size_t n, const void *heads, const float *traj, const size_t *ntraj, const float *data, const size_t *ndata)
{
	int result = FM_FAILED;
	size_t i;
	hsize_t count = n, end = at + n;
	acquisition *all = calloc(n, sizeof *all);
	hid_t type = acquisition_type(), memory = H5Screate_simple(1, &count, NULL), file = -1;
	for (i = 0; all != NULL && i < n; i++) {
		memcpy(all[i].head, (const unsigned char *)heads + i * FM_HEAD, FM_HEAD);
		all[i].traj = (hvl_t){ntraj[i], (void *)traj};
		all[i].data = (hvl_t){ndata[i], (void *)data};
		traj += ntraj[i];
		data += ndata[i];
	}
	if (all != NULL && type >= 0 && memory >= 0 && H5Dset_extent(dset, &end) >= 0 && (file = H5Dget_space(dset)) >= 0 &&
	    H5Sselect_hyperslab(file, H5S_SELECT_SET, &at, NULL, &count, NULL) >= 0 && H5Dwrite(dset, type, memory, file, H5P_DEFAULT, all) >= 0)
		result = FM_OK;
	if (file >= 0)
		H5Sclose(file);
	if (memory >= 0)
		H5Sclose(memory);
	if (type >= 0)
		H5Tclose(type);
	free(all);
	return result;
}
