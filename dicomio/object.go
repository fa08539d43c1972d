package dicomio

import (
	"regexp"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// Object is a DICOM file with the UIDs that say what it is and where it belongs; "" where the file does not say.
type Object struct {
	Path                           string
	Class, Study, Series, Instance string
}

// Complete reports whether the object has all of its UIDs.
func (o Object) Complete() bool {
	return o.Class != "" && o.Study != "" && o.Series != "" && o.Instance != ""
}

// maxUID is how long a UID may be.
const maxUID = 64

// uidForm is what is taken for a UID. Components with leading zeros are none by PS3.5, section 9, but devices write them.
var uidForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*$`)

// Identify reads the UIDs of a Part 10 file, all of whose elements must be well formed. It keeps nothing else of the file in memory, unless
// the file is deflated. What is no such file, larger than MaxFile, or has something else than a UID in the place of one is Invalid.
func Identify(path string) (Object, error) {
	o := Object{Path: path}
	var set DataSet
	err := withMapped(path, func(file []byte) (err error) {
		set, err = readDataSet(file, setReader{
			maxValue: maxUID, only: []tag.Tag{tag.SOPClassUID, tag.SOPInstanceUID, tag.StudyInstanceUID, tag.SeriesInstanceUID},
		})
		return err
	})
	if err != nil {
		return o, err
	}
	for _, field := range []struct {
		dst  *string
		tag  tag.Tag
		name string
	}{
		{&o.Class, tag.SOPClassUID, "SOP Class UID"}, {&o.Instance, tag.SOPInstanceUID, "SOP Instance UID"},
		{&o.Study, tag.StudyInstanceUID, "Study Instance UID"}, {&o.Series, tag.SeriesInstanceUID, "Series Instance UID"},
	} {
		e, found := set.Find(field.tag.Uint32())
		value := strings.TrimRight(string(e.Value), " \x00")
		if found && (e.Length > maxUID || value != "" && !uidForm.MatchString(value)) {
			return o, refuse("the %s of the DICOM file is not a UID, which is up to %d digits with dots between (PS3.5 section 9)", field.name, maxUID)
		}
		*field.dst = value
	}
	return o, nil
}
