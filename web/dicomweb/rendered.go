package dicomweb

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"image/png"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

const (
	thumbnailSide = 128
	maxSide       = 4096 // of a picture, in pixels
)

// view is how an image is shown.
type view struct {
	window  window // none is the file's
	w, h    int    // greatest size of the picture; 0 is the image's own
	quality int    // of JPEG
}

// rendered answers with a frame as a picture, its window applied (PS3.18 8.3.5).
func (s *server) rendered(w http.ResponseWriter, r *http.Request) { s.picture(w, r, 0) }

// thumbnail answers with a small picture of an instance, or of the one in the middle of a series or study.
func (s *server) thumbnail(w http.ResponseWriter, r *http.Request) { s.picture(w, r, thumbnailSide) }

func (s *server) picture(w http.ResponseWriter, r *http.Request, side int) {
	named, err := s.named(r)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	mediaType := choose(r, "image/jpeg", "image/png")
	if mediaType == "" {
		notAcceptable(w, r)
		return
	}
	v, err := parseView(r, side)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	number := 1
	if list := chi.URLParam(r, "frames"); list != "" {
		numbers, err := frameNumbers(list)
		if err != nil || len(numbers) != 1 {
			s.problem(w, r, recon.Errorf(recon.Invalid, "one frame makes a picture, named by its number, from 1"))
			return
		}
		number = numbers[0]
	}
	img, err := s.draw(r.Context(), named[len(named)/2], number, v)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	var out bytes.Buffer
	if mediaType == "image/png" {
		err = png.Encode(&out, img)
	} else {
		err = jpeg.Encode(&out, img, &jpeg.Options{Quality: v.quality})
	}
	if err != nil {
		s.problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(out.Len()))
	_, _ = w.Write(out.Bytes())
}

// parseView reads the parameters window (center,width,function), viewport (width,height) and quality.
func parseView(r *http.Request, side int) (view, error) {
	v := view{w: side, h: side, quality: 90}
	values := r.URL.Query()
	if text := values.Get("window"); text != "" {
		var err error
		if v.window, err = parseWindow(text); err != nil {
			return view{}, err
		}
	}
	if viewport := values.Get("viewport"); viewport != "" {
		parts := strings.Split(viewport, ",")
		if len(parts) != 2 {
			return view{}, errViewport
		}
		var err1, err2 error
		v.w, err1 = strconv.Atoi(parts[0])
		v.h, err2 = strconv.Atoi(parts[1])
		if err1 != nil || err2 != nil || v.w < 1 || v.h < 1 || v.w > maxSide || v.h > maxSide {
			return view{}, errViewport
		}
	}
	if quality := values.Get("quality"); quality != "" {
		q, err := strconv.Atoi(quality)
		if err != nil || q < 1 || q > 100 {
			return view{}, recon.Errorf(recon.Invalid, "quality is a whole number from 1 to 100")
		}
		v.quality = q
	}
	return v, nil
}

var errViewport = recon.Errorf(recon.Invalid, "viewport is a width and a height from 1 to %d pixels: viewport=256,256", maxSide)

// draw shows a frame through its window, scaled to fit the view.
func (s *server) draw(ctx context.Context, in *instance, number int, v view) (image.Image, error) {
	release, err := s.reserve(ctx, in)
	if err != nil {
		return nil, err
	}
	defer release() // the picture is small beside the object
	data, err := s.index.read(ctx, in.file)
	if err != nil {
		return nil, err
	}
	object, err := dicomio.ParseAny(ctx, data)
	if err != nil {
		return nil, err
	}
	if number > len(object.Frames) {
		return nil, recon.Errorf(recon.NotFound, "the instance has no frame %d", number)
	}
	if v.window == (window{}) {
		v.window = in.window(number)
	}
	pixels := object.Frames[number-1].Pixels
	if v.window == (window{}) {
		v.window = fullRange(pixels)
	}
	img := image.NewGray(image.Rect(0, 0, object.Cols, object.Rows))
	inverse := in.text("00280004") == "MONOCHROME1"
	for i, p := range pixels {
		img.Pix[i] = v.window.shade(float64(p))
		if inverse {
			img.Pix[i] = 255 - img.Pix[i]
		}
	}
	return fit(img, v.w, v.h), nil
}

// fit scales an image to the largest size within w by h: each pixel is the mean of those it covers, or the
// nearest one. Without a size the image stays as it is.
func fit(img *image.Gray, w, h int) image.Image {
	cols, rows := img.Rect.Dx(), img.Rect.Dy()
	if w == 0 || h == 0 {
		return img
	}
	scale := min(float64(w)/float64(cols), float64(h)/float64(rows))
	out := image.NewGray(image.Rect(0, 0, max(1, int(float64(cols)*scale+0.5)), max(1, int(float64(rows)*scale+0.5))))
	for y := range out.Rect.Dy() {
		y0, y1 := y*rows/out.Rect.Dy(), max((y+1)*rows/out.Rect.Dy(), y*rows/out.Rect.Dy()+1)
		for x := range out.Rect.Dx() {
			x0, x1 := x*cols/out.Rect.Dx(), max((x+1)*cols/out.Rect.Dx(), x*cols/out.Rect.Dx()+1)
			sum := 0
			for yy := y0; yy < y1; yy++ {
				for xx := x0; xx < x1; xx++ {
					sum += int(img.Pix[yy*img.Stride+xx])
				}
			}
			out.Pix[y*out.Stride+x] = uint8(sum / ((y1 - y0) * (x1 - x0)))
		}
	}
	return out
}
