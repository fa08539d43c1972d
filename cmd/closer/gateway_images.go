package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/internal/vector"
	"github.com/closer-mri/closer/mrd"
	"github.com/closer-mri/closer/recon"
)

// answer follows the job of a scan with this header and sends the images of its last method.
func (g *gateway) answer(ctx context.Context, id string, h *recon.Header, to *answers) error {
	told := time.Now()
	job, err := g.server.follow(ctx, id, func(p recon.Progress) {
		if time.Since(told) > tellEvery {
			told = time.Now()
			to.tell("closer: %d of %d slices", p.Slice, p.Of)
		}
	})
	if err != nil {
		return fmt.Errorf("follow job %s: %w", id, err)
	}
	if job.State != recon.Done {
		return jobFailure(job)
	}
	folder := "dicom/" + g.recipe.Methods[len(g.recipe.Methods)-1]
	sent := 0
	for _, f := range job.Results {
		if path.Dir(f.Name) != folder {
			continue
		}
		var file bytes.Buffer
		if err := g.server.fetchBlob(ctx, "/api/v1/jobs/"+job.ID+"/artifacts/"+f.Name, f.SHA256, &file); err != nil {
			return err
		}
		picture, err := pictureOf(file.Bytes(), h)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if err := to.send(func(w io.Writer) error { return mrd.WritePicture(w, picture) }); err != nil {
			return fmt.Errorf("send image %d: %w", sent, err)
		}
		sent++
	}
	if sent == 0 {
		return fmt.Errorf("job %s has no images in %s", job.ID, folder)
	}
	return nil
}

// pictureOf is the image of one of our DICOM files, of a scan with this header, with the readout along its rows as MRD has it.
func pictureOf(file []byte, h *recon.Header) (p mrd.Picture, err error) {
	instance, err := dicomio.Parse(file)
	if err != nil {
		return p, err
	}
	set, err := dicomio.ReadDataSet(file, 1<<16)
	if err != nil {
		return p, err
	}
	text := func(keyword string) string {
		tag, _ := dicomio.TagNamed(keyword)
		e, _ := set.Find(tag)
		return strings.Trim(string(e.Value), " \x00")
	}
	whole := func(keyword string) string { // MRD's windows are whole numbers
		v, _ := strconv.ParseFloat(text(keyword), 64)
		return strconv.Itoa(int(math.Round(v)))
	}
	p = asAcquired(&instance, h.Placement)
	p.Index, p.Series = uint16(instance.Number), 1
	p.Meta = []mrd.Attribute{
		{Name: "DataRole", Values: []string{"Image"}},
		{Name: "ImageProcessingHistory", Values: []string{"closer"}},
		{Name: "SeriesDescription", Values: []string{text("SeriesDescription")}},
		{Name: "ImageComments", Values: []string{text("ImageComments")}},
		{Name: "WindowCenter", Values: []string{whole("WindowCenter")}},
		{Name: "WindowWidth", Values: []string{whole("WindowWidth")}},
	}
	if h.Stack() > 0 && instance.Number > 0 {
		slice, echo, time := h.Turn(instance.Number - 1)
		p.Slice, p.Contrast, p.Repetition = uint16(slice), uint16(echo), uint16(time)
		if h.Placement != nil {
			place(&p, h.Placement, slice)
		}
	}
	return p, nil
}

// axis is one of an image's pixels in a file.
type axis struct {
	to        vector.V // growing index
	n, stride int
	spacing   float64
}

// at is how far into the file pixel i is, counted in the direction along.
func (a axis) at(i int, along vector.V) int {
	if vector.Dot(a.to, along) < 0 {
		i = a.n - 1 - i
	}
	return i * a.stride
}

// asAcquired is an image with the readout along its rows and phase encode along its columns: files have it as readers expect it.
func asAcquired(instance *dicomio.Instance, at *recon.Placement) mrd.Picture {
	frame := instance.Frames[0]
	x, y := axis{frame.Row, instance.Cols, 1, frame.Spacing[1]}, axis{frame.Col, instance.Rows, instance.Cols, frame.Spacing[0]}
	read, phase := frame.Col, frame.Row // where nobody knows them, as the file's are
	if at != nil {
		read, phase = at.Col, at.Row
	}
	if math.Abs(vector.Dot(y.to, read)) > math.Abs(vector.Dot(x.to, read)) {
		x, y = y, x
	}
	p := mrd.Picture{Width: x.n, Height: y.n, FieldOfView: [3]float32{float32(x.spacing * float64(x.n)), float32(y.spacing * float64(y.n)), float32(frame.Thickness)}}
	for j := range y.n {
		for i := range x.n {
			p.Pixels = append(p.Pixels, uint16(frame.Pixels[x.at(i, read)+y.at(j, phase)]))
		}
	}
	return p
}

// place says where slice i of a stack lies.
func place(p *mrd.Picture, at *recon.Placement, i int) {
	single := func(v vector.V) [3]float32 { return [3]float32{float32(v[0]), float32(v[1]), float32(v[2])} }
	p.Position, p.Read, p.Phase, p.Across = single(at.Centers[i]), single(at.Col), single(at.Row), single(vector.Cross(at.Col, at.Row))
	numbers := func(v vector.V) []string { return strings.Fields(strings.Trim(fmt.Sprint(v), "[]")) }
	p.Meta = append(p.Meta, mrd.Attribute{Name: "ImageRowDir", Values: numbers(at.Col)}, mrd.Attribute{Name: "ImageColumnDir", Values: numbers(at.Row)})
}
