package loginpage

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"strings"
)

//go:embed templates static
var files embed.FS

// pageNames are the pages, each with a template of its own inside of layout.
var pageNames = [...]string{"start", "code", "factor", "app", "enrol", "codes", "account", "remove", "message"}

// needed are what a template has to send back, or nobody could sign in.
var needed = map[string][]string{
	"start":   {`name="via"`, `name="return_to"`, `method="post"`},
	"code":    {`name="code"`, `name="flow"`, `method="post"`},
	"factor":  {`name="method"`, `name="via"`, `method="post"`},
	"app":     {`name="code"`, `method="post"`},
	"enrol":   {`name="code"`, `method="post"`},
	"account": {`method="post"`},
	"remove":  {`name="id"`, `method="post"`},
}

// maxPage bounds what a template may write.
const maxPage = 1 << 20

// loadTemplates parses the templates, those of replaced first, and tries each.
func loadTemplates(replaced fs.FS) (map[string]*template.Template, error) {
	read := func(name string) (string, error) {
		if replaced != nil {
			text, err := fs.ReadFile(replaced, name+".html")
			if !errors.Is(err, fs.ErrNotExist) {
				return string(text), err
			}
		}
		text, err := fs.ReadFile(files, "templates/"+name+".html")
		return string(text), err
	}
	layout, err := read("layout")
	if err != nil {
		return nil, fmt.Errorf("loginpage: Options.Templates: %w", err)
	}
	base, err := template.New("layout").Funcs(template.FuncMap{"cut": cutText, "fill": fill}).Parse(layout)
	if err != nil {
		return nil, fmt.Errorf("loginpage: template layout: %w", err)
	}
	pages := make(map[string]*template.Template)
	for _, name := range pageNames {
		text, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("loginpage: Options.Templates: %w", err)
		}
		page, err := base.Clone()
		if err == nil {
			page, err = page.Parse(text)
		}
		if err != nil {
			return nil, fmt.Errorf("loginpage: template %s: %w", name, err)
		}
		if err := try(page, name); err != nil {
			return nil, err
		}
		pages[name] = page
	}
	pages["onward"], err = template.ParseFS(files, "static/onward.html") // part of no look, and not replaced
	return pages, err
}

// replaces reports whether a program has a template of its own.
func replaces(replaced fs.FS, name string) bool {
	if replaced == nil {
		return false
	}
	_, err := fs.Stat(replaced, name+".html")
	return err == nil
}

// try executes a template with everything and with nothing, and looks whether
// it has the fields that its form needs.
func try(page *template.Template, name string) error {
	for _, sample := range samples(name) {
		html, err := execute(page, sample)
		if err != nil {
			return fmt.Errorf("loginpage: template %s: %w", name, err)
		}
		if sample.Error == "" || needed[name] == nil {
			continue
		}
		for _, part := range needed[name] {
			if !bytes.Contains(html, []byte(part)) {
				return fmt.Errorf("loginpage: template %s: it has no %s", name, part)
			}
		}
		if sample.Where == nil && !bytes.Contains(html, []byte(sample.Error)) {
			return fmt.Errorf("loginpage: template %s: it does not show .Error", name)
		}
	}
	return nil
}

func execute(page *template.Template, data *Page) ([]byte, error) {
	var b bytes.Buffer
	if err := page.Execute(&b, data); err != nil {
		return nil, err
	}
	if b.Len() > maxPage {
		return nil, errors.New("the page is too large")
	}
	return b.Bytes(), nil
}

// An asset is a file that pages load. Its address changes with it, so browsers
// may keep it for good.
type asset struct {
	url, media string
	body       []byte
}

// loadAssets returns the stylesheet with what the program adds to it, and the
// script.
func loadAssets(base, style string) (sheet, script asset, err error) {
	load := func(name, media, more string) (asset, error) {
		body, err := fs.ReadFile(files, "static/"+name)
		if err != nil {
			return asset{}, err
		}
		if more != "" {
			body = append(append(body, '\n'), more...)
		}
		sum := sha256.Sum256(body)
		stem, ext, _ := strings.Cut(name, ".")
		return asset{base + stem + "-" + hex.EncodeToString(sum[:6]) + "." + ext, media, body}, nil
	}
	if sheet, err = load("style.css", "text/css; charset=utf-8", style); err != nil {
		return sheet, script, err
	}
	script, err = load("script.js", "text/javascript; charset=utf-8", "")
	return sheet, script, err
}
