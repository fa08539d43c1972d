package dicomweb

import (
	"encoding/xml"
	"fmt"
	"maps"
	"slices"

	"github.com/closer-mri/closer/dicomio"
)

const dicomXML = "application/dicom+xml"

// nativeModel is a data set in the Native DICOM Model (PS3.19 A.1), which Weasis and other clients written in Java want as the
// answer of STOW-RS.
type nativeModel struct {
	XMLName    xml.Name     `xml:"NativeDicomModel"`
	Namespace  string       `xml:"xmlns,attr"`
	Attributes []xmlElement `xml:"DicomAttribute"`
}

type xmlElement struct {
	Tag    string     `xml:"tag,attr"`
	VR     string     `xml:"vr,attr"`
	Values []xmlValue `xml:"Value"`
	Items  []xmlItem  `xml:"Item"`
}

type xmlValue struct {
	Number int    `xml:"number,attr"`
	Text   string `xml:",chardata"`
}

type xmlItem struct {
	Number     int          `xml:"number,attr"`
	Attributes []xmlElement `xml:"DicomAttribute"`
}

// native converts attributes whose values are texts, numbers and sequences.
func native(a dicomio.Attributes) nativeModel {
	return nativeModel{Namespace: "http://dicom.nema.org/PS3.19/models/NativeDICOM", Attributes: xmlElements(a)}
}

func xmlElements(a dicomio.Attributes) (all []xmlElement) {
	for _, tag := range slices.Sorted(maps.Keys(a)) {
		e := xmlElement{Tag: tag, VR: a[tag].VR}
		for i, value := range a[tag].Value {
			if item, ok := value.(dicomio.Attributes); ok {
				e.Items = append(e.Items, xmlItem{i + 1, xmlElements(item)})
			} else {
				e.Values = append(e.Values, xmlValue{i + 1, fmt.Sprint(value)})
			}
		}
		all = append(all, e)
	}
	return all
}
