package recon

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
)

// WriteReviewsCSV writes reviews, which are oldest first, as one line each. The column current is "no" for a decision that a later
// one on the same series supersedes.
func WriteReviewsCSV(w io.Writer, reviews []Review) error {
	type series struct{ job, method string }
	latest := map[series]int{}
	for i, r := range reviews {
		if r.Decision != nil {
			latest[series{r.Job, r.Decision.Method}] = i
		}
	}
	out := csv.NewWriter(w)
	out.Write([]string{
		"time", "user", "scan", "job", "kind", "method", "verdict", "current", "left", "right", "trial", "preferred", "reason", "id",
	})
	for i, r := range reviews {
		line := make([]string, 0, 14)
		line = append(line, r.Time.UTC().Format(time.RFC3339Nano), inert(r.User), r.Scan, r.Job)
		if d := r.Decision; d != nil {
			current := map[bool]string{true: "yes", false: "no"}[latest[series{r.Job, d.Method}] == i]
			line = append(line, "decision", d.Method, string(d.Verdict), current, "", "", "", "")
		} else if p := r.Preference; p != nil {
			line = append(line, "preference", "", "", "", p.Left, p.Right, strconv.Itoa(p.Trial), p.Preferred)
		}
		out.Write(append(line, inert(r.Reason), r.ID))
	}
	out.Flush()
	return out.Error()
}

// inert keeps a spreadsheet from taking text for a formula, as OWASP advises: an apostrophe goes before it.
func inert(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
