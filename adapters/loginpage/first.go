package loginpage

import (
	"bytes"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/delivery"
)

// maxFirst is how many first pages are kept, at some 10 KB each: who comes with
// one language after the other gets none kept for long, and no more memory.
const maxFirst = 256

// firstPages keeps the first page as it was written for each channel, language
// and country. It is what everybody asks for, and the list of countries makes it
// the longest. What differs besides is the path to return to, for which it has
// holes. That goes for our own templates only: others may write the path in a
// script or a style, where it is spelled in other ways.
type firstPages struct {
	p    *Pages
	mu   sync.RWMutex
	kept map[firstKey][]piece
}

type firstKey struct {
	channel delivery.Channel
	lang    int
	country region.Code
	returns bool // there is a path to return to
}

// A piece is some of a page, and how the path to return to is written after it.
type piece struct {
	html  []byte
	after spelling
}

// A spelling is one of the ways in which pages write the path to return to.
type spelling int

const (
	nowhere spelling = iota
	inText
	inQuery
	spellings
)

// hole is a path to return to that stands nowhere else in a page.
const hole = "/return-to-hole"

var (
	holeInText  = []byte(template.HTMLEscapeString(hole))
	holeInQuery = []byte(template.URLQueryEscaper(hole))
)

func newFirstPages(p *Pages) *firstPages {
	return &firstPages{p: p, kept: make(map[firstKey][]piece)}
}

// show writes the first page.
func (f *firstPages) show(v *visit, c delivery.Channel, back string) {
	if f.p.ownFirst {
		v.show(http.StatusOK, v.startPage(c, back))
		return
	}
	key := firstKey{c, v.lang, v.reached(c), back != ""}
	f.mu.RLock()
	pieces, ok := f.kept[key]
	f.mu.RUnlock()
	if !ok {
		var err error
		if pieces, err = f.cut(v, key); err != nil {
			v.show(http.StatusOK, v.startPage(c, back))
			return
		}
		f.mu.Lock()
		if len(f.kept) >= maxFirst {
			clear(f.kept)
		}
		f.kept[key] = pieces
		f.mu.Unlock()
	}
	var spelled [spellings]string
	if back != "" {
		spelled[inText], spelled[inQuery] = template.HTMLEscapeString(back), template.URLQueryEscaper(back)
	}
	length := 0
	for _, piece := range pieces {
		length += len(piece.html) + len(spelled[piece.after])
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(length))
	for _, piece := range pieces {
		v.w.Write(piece.html)
		io.WriteString(v.w, spelled[piece.after])
	}
}

// cut writes the page once and cuts it at its holes.
func (f *firstPages) cut(v *visit, key firstKey) ([]piece, error) {
	back := ""
	if key.returns {
		back = hole
	}
	html, err := execute(f.p.templates["start"], v.startPage(key.channel, back))
	if err != nil {
		return nil, err
	}
	var pieces []piece
	for key.returns {
		text, query := bytes.Index(html, holeInText), bytes.Index(html, holeInQuery)
		if text < 0 && query < 0 {
			break
		}
		if text >= 0 && (query < 0 || text < query) {
			pieces = append(pieces, piece{html[:text], inText})
			html = html[text+len(holeInText):]
		} else {
			pieces = append(pieces, piece{html[:query], inQuery})
			html = html[query+len(holeInQuery):]
		}
	}
	return append(pieces, piece{html, nowhere}), nil
}
