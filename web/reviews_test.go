package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// reviewable starts a server with a finished job that has the series of two methods, and returns the job's path.
func reviewable(t *testing.T) (*server, string) {
	s := start(t, func(c *Config) {
		c.Keys = keysFile(t, "reader review r-key", "second review s-key", "scanner push p-key", "viewer read v-key")
	})
	s.key = "p-key"
	path := "/api/v1/jobs/" + s.push(scanBytes("a"), "", http.StatusCreated).Job
	s.work(map[string]string{"dicom/unet/0001.dcm": "u", "dicom/ccdf/0001.dcm": "c"}, nil)
	s.key = "r-key"
	return s, path
}

// send posts a JSON body and expects the status.
func send[T any](s *server, path, body string, status int) (v T) {
	s.t.Helper()
	response, data := s.do("POST", path, strings.NewReader(body), "Content-Type", "application/json")
	if response.StatusCode != status {
		s.t.Fatalf("POST %s %s: %s %s", path, body, response.Status, data)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		s.t.Fatal(err)
	}
	return v
}

type reviewList struct{ Reviews []recon.Review }

// Decisions are kept with their user and time; a later one is added to the earlier; the log says who, and not the reason.
func TestDecisions(t *testing.T) {
	s, job := reviewable(t)
	if list := get[map[string]any](s, job+"/reviews"); len(list["reviews"].([]any)) != 0 {
		t.Errorf("at first: %v", list)
	}
	first := send[recon.Review](s, job+"/decisions", `{"method":"ccdf","verdict":"rejected","reason":"ghost of Mrs M."}`, http.StatusCreated)
	s.key = "s-key"
	second := send[recon.Review](s, job+"/decisions", `{"method":"ccdf","verdict":"accepted"}`, http.StatusCreated)
	if first.User != "reader" || second.User != "second" || first.ID == second.ID || first.Time.IsZero() || first.Scan == "" {
		t.Errorf("%+v, %+v", first, second)
	}
	for _, path := range []string{job + "/reviews", "/api/v1/reviews"} {
		list := get[reviewList](s, path).Reviews
		if len(list) != 2 || list[0].Reason != "ghost of Mrs M." || list[0].Decision.Verdict != recon.Rejected || list[1].Decision.Verdict != recon.Accepted {
			t.Errorf("%s: %+v", path, list)
		}
	}
	response, text := s.do("GET", "/api/v1/reviews.csv", nil)
	lines, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(lines) != 3 || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("%s, %v: %s", response.Header.Get("Content-Type"), err, text)
	}
	log := s.log.String()
	for _, want := range []string{`"action":"rejected","key":"reader"`, `"action":"accepted","key":"second"`, `"method":"ccdf"`, first.ID, `"action":"export reviews","key":"second"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if strings.Contains(log, "Mrs M.") {
		t.Error("the log has a reason")
	}
}

// A comparison is the same until it is answered; an answer counts once, also when it is sent many times at once.
func TestPreferences(t *testing.T) {
	s, job := reviewable(t)
	drawn := get[recon.Comparison](s, job+"/comparison?method=unet&method=ccdf")
	if again := get[recon.Comparison](s, job+"/comparison?method=ccdf&method=unet"); again != drawn || drawn.Trial != 0 {
		t.Errorf("%+v, then %+v", drawn, again)
	}
	body := fmt.Sprintf(`{"left":%q,"right":%q,"trial":0,"preferred":%q,"reason":"sharper"}`, drawn.Left, drawn.Right, drawn.Right)
	swapped := fmt.Sprintf(`{"left":%q,"right":%q,"trial":0,"preferred":"neither"}`, drawn.Right, drawn.Left)
	send[problem](s, job+"/preferences", swapped, http.StatusConflict)
	var wait sync.WaitGroup
	var stored atomic.Int32
	for range 8 {
		wait.Go(func() {
			response, data := s.do("POST", job+"/preferences", strings.NewReader(body), "Content-Type", "application/json")
			switch response.StatusCode {
			case http.StatusCreated:
				stored.Add(1)
			case http.StatusConflict:
			default:
				t.Errorf("%s %s", response.Status, data)
			}
		})
	}
	wait.Wait()
	list := get[reviewList](s, job+"/reviews").Reviews
	if stored.Load() != 1 || len(list) != 1 || list[0].Preference.Preferred != drawn.Right || list[0].Preference.Comparison != drawn || list[0].Reason != "sharper" {
		t.Errorf("%d stored, %+v", stored.Load(), list)
	}
	if next := get[recon.Comparison](s, job+"/comparison?method=unet&method=ccdf"); next.Trial != 1 {
		t.Errorf("next %+v", next)
	}
	s.key = "s-key"
	if other := get[recon.Comparison](s, job+"/comparison?method=unet&method=ccdf"); other.Trial != 0 {
		t.Errorf("another reader's %+v", other)
	}
}

func TestReviewsRefuse(t *testing.T) {
	s, job := reviewable(t)
	const nobody = "/api/v1/jobs/00000000000000000000000000000000"
	for _, c := range []struct {
		key, path, body string
		status          int
		want            string
	}{
		{"p-key", job + "/decisions", `{"method":"ccdf","verdict":"accepted"}`, 403, "does not allow"},
		{"v-key", job + "/preferences", `{}`, 403, "does not allow"},
		{"", job + "/decisions", `{}`, 401, "API key"},
		{"r-key", nobody + "/decisions", `{}`, 404, "no job"},
		{"r-key", job + "/decisions", `{"method":"tv","verdict":"accepted"}`, 409, "no series"},
		{"r-key", job + "/decisions", `{"method":"","verdict":"accepted"}`, 409, "no series"},
		{"r-key", job + "/decisions", `{"method":"ccdf","verdict":"rejected"}`, 400, "needs a reason"},
		{"r-key", job + "/decisions", `{"method":"ccdf","verdict":"good"}`, 400, "accepted or rejected"},
		{"r-key", job + "/decisions", `{"method":"ccdf","verdict":"accepted","user":"boss"}`, 400, "JSON object"},
		{"r-key", job + "/decisions", `{"method":"ccdf","verdict":"accepted"} {}`, 400, "JSON object"},
		{"r-key", job + "/decisions", strings.Repeat(" ", maxJSON+1), 413, "more than"},
		{"r-key", job + "/preferences", `{"left":"ccdf","right":"ccdf","trial":0,"preferred":"ccdf"}`, 400, "two different"},
		{"r-key", job + "/preferences", `{"left":"ccdf","right":"tv","trial":0,"preferred":"tv"}`, 409, "no series"},
	} {
		s.key = c.key
		response, data := s.do("POST", c.path, strings.NewReader(c.body), "Content-Type", "application/json")
		expectProblem(t, fmt.Sprintf("%s %.60s", c.path, c.body), response, data, c.status, c.want)
	}
	s.key = "r-key"
	response, data := s.do("POST", job+"/decisions", strings.NewReader(`{"method":"ccdf","verdict":"accepted"}`))
	expectProblem(t, "no media type", response, data, http.StatusUnsupportedMediaType, "application/json")
	response, data = s.do("GET", job+"/comparison?method=ccdf", nil)
	expectProblem(t, "one method", response, data, http.StatusBadRequest, "two different")
	if list := get[reviewList](s, "/api/v1/reviews").Reviews; len(list) != 0 {
		t.Errorf("stored %+v", list)
	}
}
