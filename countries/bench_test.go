package countries

import (
	"strings"
	"testing"
)

// BenchmarkParse measures numbers that are looked up in the plans, and text
// that is refused for its writing: how many times cheaper that is than the
// first look-up of the same run stands beside it.
func BenchmarkParse(b *testing.B) {
	var first float64
	for _, in := range []struct{ name, raw string }{
		{"US", "+12025550162"},
		{"GG", "+447911123456"}, // the second of four regions of +44
		{"letters", "+1800FLOWERS"},
		{"megabyte", strings.Repeat("1", 1<<20)},
	} {
		b.Run(in.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Parse(in.raw)
			}
			perOp := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			if first == 0 {
				first = perOp
			}
			b.ReportMetric(first/perOp, "times-cheaper")
		})
	}
}
