// What gonum/hdf5 lacks: typed reads that cannot write more than they were given, strings of variable length, and questions
// about links and storage. Every function returns one of the fm_ results below.
#ifndef CLOSER_FASTMRI_H5_H
#define CLOSER_FASTMRI_H5_H

#include <hdf5.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FM_OK,
	FM_FAILED,    // libhdf5 could not
	FM_NO_MEMORY, // libhdf5 could not, for lack of memory
	FM_ABSENT,
	FM_SOFT,      // a soft link
	FM_EXTERNAL,  // an external link, or external storage
	FM_LINK,      // a link of another kind
	FM_NOT_DATASET,
	FM_VIRTUAL,   // a virtual dataset
	FM_FILTER,    // a filter other than deflate, shuffle and fletcher32
	FM_EMPTY,     // a shape but no stored data
	FM_UNFINISHED, // chunks that were never written
	FM_TYPE,      // another datatype
	FM_SHAPE,     // another number of values
	FM_LARGE,     // more bytes than allowed
};

int fm_link(hid_t loc, const char *name);
int fm_storage(hid_t dset, int *filter);
int fm_stored(hid_t dset);
int fm_complex(hid_t dset, hid_t *mem);
int fm_float(hid_t dset);
int fm_read(hid_t dset, hid_t mem, hid_t memspace, hid_t filespace, void *dst);
hid_t fm_native_float(void);
int fm_numbers(hid_t obj, int attr, hssize_t n, double *dst);
int fm_string(hid_t obj, int attr, size_t cap, char **out);

// What is used of an ISMRMRD acquisition header; the members have its names.
typedef struct {
	uint16_t kspace_encode_step_1, kspace_encode_step_2, slice, contrast, phase, repetition, set;
} fm_index;

typedef struct {
	uint64_t flags;
	uint16_t number_of_samples, active_channels, discard_pre, discard_post, center_sample, encoding_space_ref;
	fm_index idx;
	float position[3], read_dir[3], phase_dir[3], slice_dir[3];
} fm_line;

int fm_raw(hid_t dset, hsize_t *n);
int fm_lines(hid_t dset, hsize_t start, hsize_t n, fm_line *dst);
int fm_samples(hid_t dset, hsize_t at, size_t n, float *dst);

// Size of an ISMRMRD acquisition header.
#define FM_HEAD 340

hid_t fm_raw_create(hid_t group);
int fm_raw_append(hid_t dset, hsize_t at, size_t n, const void *heads, const float *traj, const size_t *ntraj, const float *data, const size_t *ndata);

hid_t fm_create(hid_t file, const char *name, int complex, int rank, const hsize_t *dims);
int fm_write(hid_t dset, hid_t memspace, hid_t filespace, const void *src);
int fm_write_mask(hid_t file, const char *name, hsize_t n, const signed char *mask);
int fm_write_text(hid_t loc, const char *name, const char *text, int list);
int fm_attr_text(hid_t file, const char *name, const char *text);
int fm_attr_double(hid_t file, const char *name, double value);
int fm_attr_int(hid_t file, const char *name, long long value);

#endif
