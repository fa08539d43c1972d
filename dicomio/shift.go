package dicomio

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"time"
)

// shift moves the dates and times of a patient back, by up to ten years and any part of a day: what is between them stays.
type shift time.Duration

// newShift makes a shift of a digest.
func newShift(digest []byte) shift {
	const day, most = 86400, 3650
	seconds := day + binary.BigEndian.Uint64(digest)%(most*day)
	return -shift(time.Duration(seconds) * time.Second)
}

var (
	dateForm     = regexp.MustCompile(`^\d{8}$`)
	timeForm     = regexp.MustCompile(`^(\d{2})(\d{2})?(\d{2})?(\.\d{1,6})?$`)
	dateTimeForm = regexp.MustCompile(`^(\d{8})(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?$`)
)

// pair moves a date with its time of day. What is not a value of VR DA or TM is "". A date without a time is taken for midnight; a
// time without a date stays within its day.
func (s shift) pair(date, clock string) (string, string) {
	begin, err := time.Parse("20060102", date)
	hasDate := dateForm.MatchString(date) && err == nil
	if !hasDate {
		begin = time.Unix(0, 0).UTC()
	}
	seconds, fraction, hasTime := timeOfDay(clock)
	moved := begin.Add(time.Duration(seconds)*time.Second + time.Duration(s))
	if date = ""; hasDate {
		date = moved.Format("20060102")
	}
	if clock = ""; hasTime {
		clock = moved.Format("150405") + fraction
	}
	return date, clock
}

// timeOfDay reads a value of VR TM: whole seconds, and the fraction as it stands.
func timeOfDay(clock string) (seconds int, fraction string, ok bool) {
	m := timeForm.FindStringSubmatch(clock)
	if m == nil {
		return 0, "", false
	}
	var h, min, sec int
	fmt.Sscan(m[1], &h)
	fmt.Sscan(m[2], &min)
	fmt.Sscan(m[3], &sec)
	return 3600*h + 60*min + sec, m[4], h < 24 && min < 60 && sec <= 60
}

// dateTime moves a value of VR DT; its offset from UTC is dropped, and what is not of that VR is "".
func (s shift) dateTime(value string) string {
	m := dateTimeForm.FindStringSubmatch(value)
	if m == nil {
		return ""
	}
	date, clock := s.pair(m[1], m[2])
	if date == "" || m[2] != "" && clock == "" {
		return ""
	}
	return date + clock
}
