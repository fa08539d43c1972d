package phantom

import "iter"

// Acquire scans src slice by slice; the sequence ends after an error.
func Acquire(src Source, a Acquisition) iter.Seq2[Acquired, error] {
	return func(yield func(Acquired, error) bool) {
		s, err := NewScanner(src, a)
		if err != nil {
			yield(Acquired{}, err)
			return
		}
		for i := range src.Len() {
			slice, err := s.Scan(i)
			if !yield(slice, err) || err != nil {
				return
			}
		}
	}
}
