package sandbox

import "sync"

// maxDetail bounds what is kept of a child's stderr: enough for a refusal or the head of a crash report.
const maxDetail = 8 << 10

// head keeps the first maxDetail bytes written to it and drops the rest. A crash names its cause first.
type head struct {
	mu   sync.Mutex
	text []byte
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = append(h.text, p[:min(len(p), maxDetail-len(h.text))]...)
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return string(h.text)
}
