package dicomio

import (
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

// Identify reads the UIDs of a Part 10 file, all of whose elements must be well formed. It keeps nothing else of the file in memory, unless
// the file is deflated. What is no such file, or larger than MaxFile, is Invalid.
func Identify(path string) (Object, error) {
	o := Object{Path: path}
	var set DataSet
	err := withMapped(path, func(file []byte) (err error) {
		set, err = readDataSet(file, setReader{
			maxValue: 64, only: []tag.Tag{tag.SOPClassUID, tag.SOPInstanceUID, tag.StudyInstanceUID, tag.SeriesInstanceUID},
		})
		return err
	})
	if err != nil {
		return o, err
	}
	for _, field := range []struct {
		dst *string
		tag tag.Tag
	}{
		{&o.Class, tag.SOPClassUID}, {&o.Instance, tag.SOPInstanceUID}, {&o.Study, tag.StudyInstanceUID}, {&o.Series, tag.SeriesInstanceUID},
	} {
		e, _ := set.Find(field.tag.Uint32())
		if value := strings.TrimRight(string(e.Value), " \x00"); strings.Trim(value, "0123456789.") == "" {
			*field.dst = value
		}
	}
	return o, nil
}
