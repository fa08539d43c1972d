package kspace

// Mask marks the acquired phase-encode columns; its length is Nx.
type Mask []bool

// Lines returns the number of acquired columns.
func (m Mask) Lines() int {
	n := 0
	for _, on := range m {
		if on {
			n++
		}
	}
	return n
}

// Acceleration returns the measured acceleration: columns over acquired columns, 0 for an empty mask.
func (m Mask) Acceleration() float64 {
	if n := m.Lines(); n > 0 {
		return float64(len(m)) / float64(n)
	}
	return 0
}
