package recon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Review is what a reader said of a job's results: a decision on one series, or a preference between two. Reviews are only ever
// added; a later decision on the same series supersedes the earlier one, which stays.
type Review struct {
	ID     string    `json:"id"`
	Job    string    `json:"job"`
	Scan   string    `json:"scan"`
	User   string    `json:"user"` // the name of the key
	Time   time.Time `json:"time"`
	Reason string    `json:"reason,omitempty"` // free text: it goes to whoever asks for reviews, and never into a log

	Decision   *Decision   `json:"decision,omitempty"`
	Preference *Preference `json:"preference,omitempty"`
}

// Verdict is a reader's judgement of a series.
type Verdict string

// The verdicts.
const (
	Accepted Verdict = "accepted"
	Rejected Verdict = "rejected"
)

// Decision is a verdict on the series of one method.
type Decision struct {
	Method  string  `json:"method"`
	Verdict Verdict `json:"verdict"`
}

// Comparison shows the series of two methods to a reader who is not told which is which.
type Comparison struct {
	Left  string `json:"left"`
	Right string `json:"right"`
	Trial int    `json:"trial"` // counts the comparisons of these two that the user has answered for this job
}

// Preference is the answer to a Comparison.
type Preference struct {
	Comparison
	Preferred string `json:"preferred"` // Left, Right or Neither
}

// Neither is the preference of who saw no difference that matters.
const Neither = "neither"

// Reviews keeps reviews durably and in the order in which they were added. All methods may be called from any goroutine and process.
type Reviews interface {
	// Add stores a review; it is durable when Add returns. Conflict when there is another of the same job and ID.
	Add(ctx context.Context, r Review) error
	// List returns the reviews of a job, or of all jobs when job is "", oldest first, with all that were added before the call.
	List(ctx context.Context, job string) ([]Review, error)
}

// maxReason is how long a reason may be, in characters.
const maxReason = 1000

// Validate says in a sentence what is wrong.
func (r *Review) Validate() error {
	switch {
	case utf8.RuneCountInString(r.Reason) > maxReason:
		return Errorf(Invalid, "a reason has at most %d characters", maxReason)
	case !utf8.ValidString(r.Reason) || strings.ContainsFunc(r.Reason, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }):
		return Errorf(Invalid, "a reason is text without control characters")
	case (r.Decision == nil) == (r.Preference == nil):
		return Errorf(Invalid, "a review is either a decision or a preference")
	case r.Decision != nil:
		return r.Decision.validate(r.Reason)
	}
	return r.Preference.validate()
}

func (d *Decision) validate(reason string) error {
	switch {
	case d.Verdict != Accepted && d.Verdict != Rejected:
		return Errorf(Invalid, "a verdict is %s or %s", Accepted, Rejected)
	case d.Verdict == Rejected && strings.TrimSpace(reason) == "":
		return Errorf(Invalid, "a rejection needs a reason")
	}
	return nil
}

func (p *Preference) validate() error {
	switch {
	case p.Left == p.Right:
		return Errorf(Invalid, "a comparison is of two different methods")
	case p.Preferred != Neither && p.Preferred != p.Left && p.Preferred != p.Right:
		return Errorf(Invalid, "the preferred method is one of the two that were compared, or %s", Neither)
	}
	return nil
}

// NextComparison is what the user is to answer next on two methods of a job, given the reviews of the job so far. The sides are
// drawn by a hash of all that, so that whoever asks again is shown the same, and nobody can know them beforehand from the names.
func NextComparison(job, user string, methods [2]string, reviews []Review) Comparison {
	a, b := min(methods[0], methods[1]), max(methods[0], methods[1])
	c := Comparison{Left: a, Right: b}
	for _, r := range reviews {
		if p := r.Preference; p != nil && r.User == user && min(p.Left, p.Right) == a && max(p.Left, p.Right) == b {
			c.Trial++
		}
	}
	if sum := c.hash(job, user); sum[0]&1 == 1 {
		c.Left, c.Right = b, a
	}
	return c
}

func (c Comparison) hash(job, user string) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s\n%d", job, user, min(c.Left, c.Right), max(c.Left, c.Right), c.Trial))
}

// PreferenceID names the answer of a user to a comparison: there is one, however often it is sent.
func PreferenceID(job, user string, c Comparison) string {
	sum := c.hash(job, user)
	return hex.EncodeToString(sum[16:])
}
