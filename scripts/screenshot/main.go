// Command screenshot makes docs/screenshot.png: it starts the demo, opens the national picture in a chromium without a window
// and keeps what it sees as a small PNG.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

func main() {
	out := flag.String("out", "docs/screenshot.png", "the `file` to write")
	page := flag.String("page", "/", "the `path` to show")
	dark := flag.Bool("dark", false, "dark colours")
	width := flag.Int("width", 1280, "of the window")
	height := flag.Int("height", 900, "of the window")
	listen := flag.String("listen", "127.0.0.1:18099", "where the demo serves meanwhile")
	url := flag.String("url", "", "take the picture of a Tocsin that runs, instead of a demo")
	flag.Parse()
	if err := run(*out, *page, *url, *listen, *width, *height, *dark); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The demo's duty officer.
const (
	login    = "duty@cert.ruritania.example"
	password = "for the picture of the demo only"
)

func run(out, page, url, listen string, width, height int, dark bool) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	if url == "" {
		url = "http://" + listen
		stop, err := demo(ctx, listen)
		if err != nil {
			return err
		}
		defer stop()
	}
	picture, err := shoot(ctx, url, page, width, height, dark)
	if err != nil {
		return err
	}
	small, err := shrink(picture)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, small, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes\n", out, len(small))
	return nil
}

// demo builds and starts the demo; stop ends it.
func demo(ctx context.Context, listen string) (stop func(), err error) {
	dir, err := os.MkdirTemp("", "tocsin-screenshot-")
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(dir, "tocsin")
	build := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd/tocsin")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p := exec.CommandContext(ctx, bin, "demo", "--password", password, "--listen", listen, "--data", filepath.Join(dir, "data"))
	p.Stderr = os.Stderr
	if err := p.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return func() {
		p.Process.Signal(os.Interrupt)
		p.Wait()
		os.RemoveAll(dir)
	}, nil
}

func shoot(ctx context.Context, url, page string, width, height int, dark bool) ([]byte, error) {
	opts := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.NoSandbox, chromedp.WindowSize(width, height),
		chromedp.Flag("hide-scrollbars", true))
	if dark {
		opts = append(opts, chromedp.Flag("force-dark-mode", true), chromedp.Flag("blink-settings", "preferredColorScheme=0"))
	}
	if path := browser(); path != "" {
		opts = append(opts, chromedp.ExecPath(path))
	}
	alloc, cancel := chromedp.NewExecAllocator(ctx, opts...)
	defer cancel()
	tab, cancel := chromedp.NewContext(alloc)
	defer cancel()
	if err := ready(ctx, tab, url); err != nil {
		return nil, err
	}
	err := chromedp.Do(tab, chromedp.EmulateViewport(int64(width), int64(height)), chromedp.Navigate(url+"/sign-in"),
		chromedp.SetValue(chromedp.CSS(`input[name="login"]`), login), chromedp.SetValue(chromedp.CSS(`input[name="password"]`), password),
		chromedp.Click(chromedp.CSS("main form button.primary")), chromedp.WaitVisible(chromedp.CSS(`form.who`)), chromedp.Navigate(url+page),
		chromedp.WaitVisible(chromedp.CSS("main")))
	if err != nil {
		return nil, err
	}
	return chromedp.Run(tab, chromedp.CaptureScreenshot())
}

// ready waits until /healthz answers ok.
func ready(ctx context.Context, tab context.Context, url string) error {
	for tick := time.Tick(200 * time.Millisecond); ; {
		var text string
		err := chromedp.Do(tab, chromedp.Navigate(url+"/healthz"))
		if err == nil {
			text, err = chromedp.Run(tab, chromedp.Text("body"))
		}
		if err == nil && strings.TrimSpace(text) == "ok" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", url, errors.Join(ctx.Err(), err))
		case <-tick:
		}
	}
}

func browser() string {
	for _, name := range []string{os.Getenv("SCREENSHOT_CHROMIUM"), os.Getenv("TOCSIN_TEST_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	return ""
}

// shrink makes a PNG with at most 256 colours: a page has few.
func shrink(data []byte) ([]byte, error) {
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	pal := image.NewPaletted(img.Bounds(), palette(img))
	draw.Draw(pal, img.Bounds(), img, img.Bounds().Min, draw.Src)
	var out bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	err = enc.Encode(&out, pal)
	return out.Bytes(), err
}

// palette is the 256 most frequent colours.
func palette(img image.Image) color.Palette {
	n := map[color.RGBA]int{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			n[color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(bl >> 8), 255}]++
		}
	}
	var all []color.RGBA
	for c := range n {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.RGBA) int { return n[b] - n[a] })
	var p color.Palette
	for _, c := range all[:min(256, len(all))] {
		p = append(p, c)
	}
	return p
}
