package dicomio

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/suyashkumar/dicom/pkg/tag"
)

// Deidentifier takes out of DICOM files whom they show: the Basic Application Level Confidentiality Profile of PS3.15 with the
// option Retain Longitudinal Temporal Information With Modified Dates (doc/deidentification.md). What it puts in depends on the file
// and a secret alone, so that the same patient, study or image is the same again, in another file and on another server, and who
// does not have the secret cannot tell which it was. Pixels are left as they are. It may be used from any goroutine.
type Deidentifier struct {
	secret []byte
	large  sync.Mutex // held by who reads a large file
}

// MinSecret is the least length of a secret, in bytes.
const MinSecret = 32

// NewDeidentifier returns a Deidentifier. The secret has at least MinSecret bytes.
func NewDeidentifier(secret []byte) (*Deidentifier, error) {
	if len(secret) < MinSecret {
		return nil, refuse("the secret of de-identification has %d bytes; it needs %d", len(secret), MinSecret)
	}
	return &Deidentifier{secret: bytes.Clone(secret)}, nil
}

// modest is what every reader may keep in memory; of larger files there is one at a time.
const modest = 4 << 20

// Read is File for what r gives. An error of r is returned as it is.
func (d *Deidentifier) Read(r io.Reader) ([]byte, error) {
	var file bytes.Buffer
	_, err := io.CopyN(&file, r, modest)
	if err == nil {
		d.large.Lock()
		defer d.large.Unlock()
		_, err = file.ReadFrom(io.LimitReader(r, MaxFile-modest+1))
	} else if err == io.EOF {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return d.File(file.Bytes())
}

// File returns the file without what identifies a patient. It never panics; every error is an *recon.Error with code Invalid that
// quotes nothing of the file: the file is damaged, or says that the patient's name is burned into its pixels.
func (d *Deidentifier) File(file []byte) ([]byte, error) {
	if len(file) > MaxFile {
		return nil, refuse("the DICOM file is larger than %d MiB", MaxFile>>20)
	}
	s, data, err := split(file)
	if err != nil {
		return nil, err
	}
	r := setReader{walker: walker{data: data, syntax: s}, whole: true}
	set, _, err := r.set(0, len(data), 0, false)
	if err != nil {
		return nil, err
	}
	set.TransferSyntax = s.name
	if burned, _ := set.Find(tag.BurnedInAnnotation.Uint32()); strings.HasPrefix(string(burned.Value), "YES") {
		return nil, refuse("the DICOM image has annotations burned in (0028,0301), which cannot be taken out")
	}
	p := d.patient(set)
	out, err := p.clean(set)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out.Elements, func(a, b Element) int { return cmp.Compare(a.Tag, b.Tag) })
	out.TransferSyntax = set.TransferSyntax
	out.add(p.identity(set.order))
	return out.encodeFile(len(data)), nil
}

// pseudonym is what stands for the patient of a file.
type pseudonym struct {
	*Deidentifier
	id    string // of the patient
	study string // StudyID
	shift shift
	set   DataSet // that is being cleaned: dates are shifted with their times
}

// patient derives the pseudonym from the identifier of the patient, or of the study when the patient has none.
func (d *Deidentifier) patient(set DataSet) pseudonym {
	var who []string
	for _, t := range []tag.Tag{tag.PatientID, tag.IssuerOfPatientID} {
		e, _ := set.Find(t.Uint32())
		who = append(who, strings.Trim(string(e.Value), " \x00"))
	}
	if who[0] == "" {
		e, _ := set.Find(tag.StudyInstanceUID.Uint32())
		who = []string{"study", strings.TrimRight(string(e.Value), " \x00")}
	}
	study, _ := set.Find(tag.StudyInstanceUID.Uint32())
	return pseudonym{Deidentifier: d, id: d.name("patient", who...), study: d.name("study", string(study.Value)), shift: newShift(d.code("shift", who...))}
}

// code is a keyed digest of texts: nobody without the secret can make it.
func (d *Deidentifier) code(kind string, texts ...string) []byte {
	mac := hmac.New(sha256.New, d.secret)
	for _, s := range append([]string{kind}, texts...) {
		mac.Write([]byte(s))
		mac.Write([]byte{0})
	}
	return mac.Sum(nil)
}

// name is a name made of a code, short enough for every text.
func (d *Deidentifier) name(kind string, texts ...string) string {
	return strings.ToUpper(hex.EncodeToString(d.code(kind, texts...)[:8]))
}

// uid replaces a UID, unless it is one of the standard's (PS3.6 annex A).
func (d *Deidentifier) uid(uid string) string {
	if uid == "" || strings.HasPrefix(uid, "1.2.840.10008.") {
		return uid
	}
	var id uuid.UUID
	copy(id[:], d.code("uid", uid))
	id[6], id[8] = id[6]&0x0F|0x80, id[8]&0x3F|0x80 // version 8 of RFC 9562
	return "2.25." + new(big.Int).SetBytes(id[:]).String()
}

// clean returns a data set with what may stay, at any depth.
func (p pseudonym) clean(set DataSet) (DataSet, error) {
	out := DataSet{order: set.order}
	p.set = set
	for _, e := range set.Elements {
		t := tag.Tag{Group: uint16(e.Tag >> 16), Element: uint16(e.Tag)}
		switch fateOf(t, e.VR) {
		case dropped:
			continue
		case emptied:
			e.Value, e.Items = nil, nil
		case renamed:
			e.Value = []byte(p.name("device", string(e.Value)))
		case shifted:
			e.Value = []byte(p.shifted(t, e))
		case replaced:
			uids := texts(e.Value)
			for i := range uids {
				uids[i] = p.uid(uids[i])
			}
			if e.Value = []byte(strings.Join(uids, `\`)); len(e.Value) > math.MaxUint16-1 { // longer than an explicit UI may be
				e.Value = nil
			}
		case kept:
			var err error
			if e.Value, err = plainValue(t, e.VR, e.Value); err != nil {
				return DataSet{}, err
			}
			items := make([]DataSet, len(e.Items))
			for i, item := range e.Items {
				if items[i], err = p.clean(item); err != nil {
					return DataSet{}, err
				}
			}
			e.Items, e.encapsulated = items, withoutComments(e.encapsulated)
		}
		out.Elements = append(out.Elements, e)
	}
	return out, nil
}

// shifted is the value of a date or a time, moved.
func (p pseudonym) shifted(t tag.Tag, e Element) string {
	value := strings.Trim(string(e.Value), " \x00")
	if e.VR == "DT" {
		return p.shift.dateTime(value)
	}
	partner := cmp.Or(dates[t], times[t])
	other, _ := p.set.Find(partner.Uint32())
	of := strings.Trim(string(other.Value), " \x00")
	if e.VR == "TM" {
		_, time := p.shift.pair(of, value)
		return time
	}
	date, _ := p.shift.pair(value, of)
	return date
}

// identity are the elements that say who the patient is not, and how that came about (PS3.15 E.1.1, PS3.3 C.12.1.1).
func (p pseudonym) identity(order byteOrder) []Element {
	text := func(t tag.Tag, vr, value string) Element {
		return Element{Tag: t.Uint32(), VR: vr, Value: []byte(value)}
	}
	profile := func(value, meaning string) DataSet {
		return DataSet{order: order, Elements: []Element{
			text(tag.CodeValue, "SH", value), text(tag.CodingSchemeDesignator, "SH", "DCM"), text(tag.CodeMeaning, "LO", meaning),
		}}
	}
	return []Element{
		text(tag.PatientName, "PN", "Anonymous^"+p.id), text(tag.PatientID, "LO", p.id),
		text(tag.PatientBirthDate, "DA", ""), text(tag.PatientSex, "CS", ""), text(tag.StudyID, "SH", p.study),
		text(tag.AccessionNumber, "SH", ""), text(tag.ReferringPhysicianName, "PN", ""),
		text(tag.PatientIdentityRemoved, "CS", "YES"),
		text(tag.DeidentificationMethod, "LO", `PS3.15 Basic Profile, modified dates`),
		{Tag: tag.DeidentificationMethodCodeSequence.Uint32(), VR: "SQ", Items: []DataSet{
			profile("113100", "Basic Application Confidentiality Profile"),
			profile("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
		}},
		text(tag.LongitudinalTemporalInformationModified, "CS", "MODIFIED"),
	}
}

// add puts elements in the places that their tags have; one that is there already goes.
func (d *DataSet) add(elements []Element) {
	for _, e := range elements {
		i, there := slices.BinarySearchFunc(d.Elements, e.Tag, func(x Element, t uint32) int { return cmp.Compare(x.Tag, t) })
		if there {
			d.Elements[i] = e
		} else {
			d.Elements = slices.Insert(d.Elements, i, e)
		}
	}
}
