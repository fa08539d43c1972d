package recon

import (
	"path"
	"slices"
	"strings"
	"time"
)

// Delivery says how far a series of a job is on its way to an archive (PACS). It holds no patient data.
type Delivery struct {
	Series   string        `json:"series"` // as in the names of its files, "dicom/ccdf/0001.dcm": "ccdf"
	State    DeliveryState `json:"state"`
	Attempts int           `json:"attempts"`         // begun since it was queued
	Time     time.Time     `json:"time"`             // of the last change
	Next     time.Time     `json:"next,omitzero"`    // not tried again before
	Reason   string        `json:"reason,omitempty"` // why the last attempt did not succeed
}

// DeliveryState is the state of a Delivery: queued → sending → sent or failed. What may succeed later goes back to queued.
type DeliveryState string

// The states.
const (
	DeliveryQueued  DeliveryState = "queued"
	DeliverySending DeliveryState = "sending"
	DeliverySent    DeliveryState = "sent"
	DeliveryFailed  DeliveryState = "failed"
)

// DeliveryStates are all of them.
var DeliveryStates = []DeliveryState{DeliveryQueued, DeliverySending, DeliverySent, DeliveryFailed}

// Series returns the job's results that are DICOM objects, by the name of their series, and those names in order.
func (j *Job) Series() (names []string, files map[string][]Artifact) {
	files = map[string][]Artifact{}
	for _, a := range j.Results {
		series, isDICOM := strings.CutPrefix(a.Name, "dicom/")
		series, _, inSeries := strings.Cut(series, "/")
		if !isDICOM || !inSeries || path.Ext(a.Name) != ".dcm" {
			continue
		}
		if files[series] == nil {
			names = append(names, series)
		}
		files[series] = append(files[series], a)
	}
	slices.Sort(names)
	return names, files
}

// Delivery returns the delivery of a series, and whether there is one.
func (j *Job) Delivery(series string) (Delivery, bool) {
	for _, d := range j.Deliveries {
		if d.Series == series {
			return d, true
		}
	}
	return Delivery{}, false
}

// Undispatched returns the series of the job that have no delivery yet, in order.
func (j *Job) Undispatched() []string {
	names, _ := j.Series()
	return slices.DeleteFunc(names, func(name string) bool { _, known := j.Delivery(name); return known })
}

// undelivered reports whether a series of the job is still on its way, or has yet to be sent off to an archive that is sent all.
func (j *Job) undelivered(archive bool) bool {
	if archive && j.State == Done && len(j.Undispatched()) > 0 {
		return true
	}
	return slices.ContainsFunc(j.Deliveries, func(d Delivery) bool { return d.State == DeliveryQueued || d.State == DeliverySending })
}
