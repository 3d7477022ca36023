package textfile_test

import (
	"fmt"
	"log"
	"testing/fstest"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/textfile"
)

// An operator's own words, in a directory: os.DirFS("/etc/passcode/texts") in
// the place of the map.
func Example() {
	texts := delivery.Texts{App: "Example", Origin: "example.com"}
	files, err := textfile.Load(fstest.MapFS{
		"sms.txt":    {Data: []byte("{{.Code}} opens {{.App}} for {{.Time}}.\n")},
		"sms.es.txt": {Data: []byte("{{.Code}} abre {{.App}} durante {{.Time}}.\n")},
	}, textfile.Config{Texts: texts})
	if err != nil {
		log.Fatal(err)
	}
	texts.Custom = files // for engine.Config.Texts
	_, body, err := texts.Write(delivery.Text{Channel: delivery.SMS, Purpose: "login", Locale: "es", Code: "123456", Expires: 2 * time.Minute})
	fmt.Println(body, err)
	// Output:
	// 123456 abre Example durante 2 min.
	// @example.com #123456 <nil>
}
