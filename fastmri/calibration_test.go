package fastmri

import (
	"slices"
	"testing"
)

// Of a column that was acquired many times a few lines count, from all over the scan; of one with few, each.
func TestSpread(t *testing.T) {
	var lines []rawLine
	for at := range int32(100) {
		lines = append(lines, rawLine{at: at, column: 3})
		if at%15 == 0 {
			lines = append(lines, rawLine{at: 1000 + at, column: 4})
		}
	}
	var often, seldom []int32
	for _, l := range spread(lines) {
		if l.column == 3 {
			often = append(often, l.at)
		} else {
			seldom = append(seldom, l.at)
		}
	}
	if len(often) != 8 || !slices.IsSorted(often) || often[0] > 13 || often[7] < 87 {
		t.Errorf("of 100 lines %v", often)
	}
	for i := range often[1:] {
		if d := often[i+1] - often[i]; d < 12 || d > 13 {
			t.Errorf("lines %d and %d lie %d apart", often[i], often[i+1], d)
		}
	}
	if len(seldom) != 7 {
		t.Errorf("of 7 lines %v", seldom)
	}
}
