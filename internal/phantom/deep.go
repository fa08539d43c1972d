package phantom

// drawDeep paints what lies under the cortex: nuclei, ventricles, the falx and the great veins.
func drawDeep(c *canvas, seed uint64, z float64) {
	bent := func(s shape, key int, amount float64) shape {
		return warped{s, amount, 2 * along(seed, 300+key, 0, z)}
	}
	for key, n := range nuclei {
		if e, ok := n.cut(z); ok {
			c.fill(bent(e, key, 0.8), n.tissue, 1)
		}
		if e, ok := n.mirror().cut(z); ok {
			c.fill(bent(e, key+50, 0.8), n.tissue, 1)
		}
	}
	if s := smoothstep(16, 8, z); s > 0 { // claustrum: a sheet a millimetre thick
		line := tube{{31.6, -17, 0.1}, {33.4, -8, 0.55 * s}, {33.6, 1, 0.55 * s}, {31.8, 10, 0.1}}.smooth()
		c.fill(bent(line, 60, 0.5), Grey, 0.3)
		c.fill(bent(line.mirror(), 61, 0.5), Grey, 0.3)
	}
	left, right := ventricle(z, 1+0.12*normal(seed, 70, 0, 0)), ventricle(z, 1+0.12*normal(seed, 70, 1, 0)).mirror()
	for key, v := range []tube{left, right} {
		for i := 1; i < len(v); i++ {
			if s := (segment{v[i-1], v[i]}); max(s.p.r, s.q.r) > 0.2 {
				c.fill(bent(s, 80+key, 0.5), CSF, 0.4)
			}
		}
	}
	if s := smoothstep(12, 4, z); s > 0 { // glomus of the choroid plexus in the atrium
		c.fill(ellipse{22.5, 33, 1.9 * s, 3.4 * s, -0.4}, Plexus, 0.8)
		c.fill(ellipse{-22.3, 34, 1.8 * s, 3.2 * s, 0.4}, Plexus, 0.8)
		third := tube{{0, -9, 0.8 * s}, {0.2, 0, 1.5 * s}, {0, 11, 1.3 * s}}.smooth()
		c.fill(bent(third, 90, 0.2), CSF, 0.4)
	}
	if s := smoothstep(10, 0, z); s > 0 { // cistern of the great vein, behind the thalami
		c.fill(bent(tube{{-9, 25, 0.5}, {-4, 23.5, 1.8 * s}, {0, 26, 2.8 * s}, {4, 23.5, 1.8 * s}, {9, 25, 0.5}}.smooth(), 91, 0.4), CSF, 0.4)
		c.fill(ellipse{0, 25.5, 1.3, 1.9, 0}, Blood, 0.4)
	}
}

// nucleus is a body of grey matter on the right of the picture; it has a twin on the left.
type nucleus struct {
	ellipsoid
	tissue Tissue
}

var nuclei = []nucleus{
	{ellipsoid{10, 6, 4, 7.6, 14, 15, -0.33}, DeepGrey},     // thalamus
	{ellipsoid{13.6, -24, 2, 4.8, 8.5, 17, 0.30}, DeepGrey}, // head of the caudate nucleus
	{ellipsoid{17, -4, 22, 2.6, 19, 8, -0.12}, DeepGrey},    // its body, beside the ventricle
	{ellipsoid{26, -7, 1, 5.4, 15.5, 17, -0.10}, DeepGrey},  // putamen
	{ellipsoid{19.8, -4.5, -1, 3.8, 8.5, 12, -0.30}, Pallidum},
}

// ventricle returns the lateral ventricle on the right of the picture at height z: frontal horn, body, atrium and occipital
// horn as one tube, with gaps where a part is not in the slice.
func ventricle(z, size float64) tube {
	keys := []struct {
		z float64
		t tube
	}{
		{-12, tube{{14, -37, 0.8}, {10.5, -32, 2.6}, {6.5, -26, 2.2}, {3, -18, 0.3}, {8, 0, -4}, {17, 22, -1}, {25, 31, 3.6}, {27, 42, 2.8}, {24, 54, 0.8}}},
		{2, tube{{14, -38, 1.2}, {10.5, -31.5, 3.6}, {6.5, -24, 3.2}, {3.2, -14, 1.6}, {7, 2, -5}, {15, 22, 1.6}, {22, 31, 4.8}, {25, 40, 4}, {23, 52, 0.8}}},
		{12, tube{{14, -37.5, 1.2}, {10.3, -30.5, 3.8}, {7.5, -21, 3.9}, {5, -10, 2.6}, {7.5, 4, -2}, {14, 20, 2.6}, {21, 30, 5.2}, {24, 39, 3.8}, {22.5, 48, 0.4}}},
		{20, tube{{13, -36, 1}, {10, -29, 3.8}, {8.5, -18, 4.6}, {8.5, -5, 4.6}, {10, 8, 4.8}, {14, 20, 5.4}, {19, 29, 5}, {22, 37, 2.4}, {22, 42, -1}}},
		{33, tube{{12, -28, -5}, {11, -20, -3}, {10.5, -11, -1.6}, {11, -3, -1}, {12, 6, -1}, {15, 15, -1.2}, {18, 22, -2}, {20, 28, -4}, {20, 32, -6}}},
	}
	z = min(max(z, keys[0].z), keys[len(keys)-1].z)
	i := 0
	for z > keys[i+1].z {
		i++
	}
	a, b := keys[i], keys[i+1]
	u := (z - a.z) / (b.z - a.z)
	t := make(tube, len(a.t))
	for k, p := range a.t {
		q := b.t[k]
		t[k] = node{lerp(p.x, q.x, u), lerp(p.y, q.y, u), size * lerp(p.r, q.r, u)}
	}
	return t.smooth()
}

// drawFalx paints the sheet between the hemispheres and the sagittal sinus at its back edge, over the midline fissure.
func drawFalx(c *canvas, g *cortex) {
	for k, path := range g.paths[:2] { // growCortex adds the two parts of the fissure first
		falx := make(tube, len(path))
		for i, p := range path {
			falx[i] = node{p.x, p.y, 0.28}
		}
		if keep := len(falx) * 4 / 5; keep > 1 {
			falx = falx[:keep]
		}
		for i := 1; i < len(falx); i++ {
			c.fill(segment{falx[i-1], falx[i]}, Dura, 0.25)
		}
		size := 1.5 + 1.6*float64(k) // the sinus grows towards the back
		tip := path[0]
		sign := 2*float64(k) - 1
		c.fill(tube{{tip.x - size, tip.y + sign*1.4, 0.8}, {tip.x + size, tip.y + sign*1.4, 0.8}}, Blood, 0.5)
		c.fill(tube{{tip.x, tip.y + sign*1.2, 1.1}, {tip.x, tip.y - sign*size, 0.5}}, Blood, 0.5)
	}
}
