package memstore

import (
	"testing"

	"github.com/passcode-go/passcode/store"
)

func TestClassesFit(t *testing.T) {
	t.Parallel()
	for n := 1; n <= store.MaxKey+store.MaxValue; n++ {
		c := classOf(n)
		if c < 0 || c >= classes || itemSize(c) < n || c > 0 && itemSize(c-1) >= n {
			t.Fatalf("%d bytes are of class %d, which has %d bytes", n, c, itemSize(c))
		}
	}
	if items := page / itemSize(0); items > 1<<itemBits {
		t.Errorf("a chunk has %d items, a ref can name %d", items, 1<<itemBits)
	}
	if classOf(store.MaxKey+store.MaxValue) != classes-1 {
		t.Errorf("there are more classes than records need")
	}
}
