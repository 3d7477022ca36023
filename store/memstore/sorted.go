package memstore

import (
	"iter"
	"slices"
	"sort"
)

// blockMax is the most ids in a block: few enough that inserting into one is
// cheap, and enough that the list of blocks stays short.
const blockMax = 512

// sortedIDs is a sorted set of ids, cut into sorted blocks, none empty. To
// insert or remove an id moves the ids of one block, and the list of blocks
// once in some hundred times, not all that come after it.
type sortedIDs struct {
	blocks [][]string
}

// block returns the block where id is or belongs: the last one that does not
// begin above it, or the first one.
func (s *sortedIDs) block(id string) int {
	n := sort.Search(len(s.blocks), func(i int) bool { return s.blocks[i][0] > id })
	return max(n-1, 0)
}

// insert adds an id that is not in the set.
func (s *sortedIDs) insert(id string) {
	if len(s.blocks) == 0 {
		s.blocks = [][]string{{id}}
		return
	}
	n := s.block(id)
	at, _ := slices.BinarySearch(s.blocks[n], id)
	block := slices.Insert(s.blocks[n], at, id)
	s.blocks[n] = block
	if len(block) > blockMax {
		half := len(block) / 2
		if at == blockMax {
			half = at // when ids come in order, leave full blocks behind
		}
		s.blocks = slices.Insert(s.blocks, n+1, slices.Clone(block[half:]))
		clear(block[half:])
		s.blocks[n] = block[:half]
	}
}

// remove takes out an id that is in the set.
func (s *sortedIDs) remove(id string) {
	n := s.block(id)
	at, _ := slices.BinarySearch(s.blocks[n], id)
	block := slices.Delete(s.blocks[n], at, at+1)
	s.blocks[n] = block
	if next := n + 1; next < len(s.blocks) && len(block)+len(s.blocks[next]) <= blockMax/2 {
		s.blocks[n] = append(block, s.blocks[next]...)
		s.blocks = slices.Delete(s.blocks, next, next+1)
	} else if len(block) == 0 {
		s.blocks = slices.Delete(s.blocks, n, n+1)
	}
}

// after ranges over the ids above id in ascending order.
func (s *sortedIDs) after(id string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if len(s.blocks) == 0 {
			return
		}
		n := s.block(id)
		at, found := slices.BinarySearch(s.blocks[n], id)
		if found {
			at++
		}
		for ; n < len(s.blocks); n, at = n+1, 0 {
			for _, id := range s.blocks[n][at:] {
				if !yield(id) {
					return
				}
			}
		}
	}
}
