package storetest

import (
	"slices"
	"testing"

	"github.com/passcode-go/passcode/store"
)

// plantedInDirectory are the flaws of the reference directory, with the
// properties that must each find it.
var plantedInDirectory = []struct {
	flaw  string
	found []string
}{
	{"only ids indexed", []string{"CreatedIsFoundByEveryIndex"}},
	{"an empty value finds somebody", []string{"NotFound"}},
	{"unknown index is the id", []string{"NotFound"}},
	{"values folded", []string{"OnlyExactlyEqualIsFound", "TextIsKept"}},
	{"values trimmed", []string{"OnlyExactlyEqualIsFound", "TextIsKept"}},
	{"empty external id is indexed", []string{"SmallUsers"}},
	{"bad users accepted", []string{"BadUsersAreRefused", "AgreesWithAModel"}},
	{"cancellation ignored", []string{"DoneContextChangesNothing"}},
	{"refusals leave an index", []string{"CreateRefusesWhatIsTaken", "UpdateRefusesWhatIsTaken", "OneCreateWins", "AgreesWithAModel"}},
	{"owner not told", []string{"CreateRefusesWhatIsTaken", "UpdateRefusesWhatIsTaken"}},
	{"wrong owner told", []string{"CreateRefusesWhatIsTaken", "UpdateRefusesWhatIsTaken"}},
	{"method ids per kind", []string{"CreateRefusesWhatIsTaken", "UpdateRefusesWhatIsTaken"}},
	{"external id not unique", []string{"CreateRefusesWhatIsTaken", "UpdateRefusesWhatIsTaken", "OneCreateWins"}},
	{"one space of addresses", []string{"PhonesAndEmailsAreApart"}},
	{"update returns what was", []string{"UpdateReturnsWhatIsKept"}},
	{"update adds no index", []string{"UpdateMovesIndexes", "AgreesWithAModel"}},
	{"update leaves indexes", []string{"UpdateMovesIndexes", "AgreesWithAModel"}},
	{"update puts before it removes", []string{"UpdateRearranges", "AgreesWithAModel"}},
	{"error of change replaced", []string{"UpdateReturnsErrorOfChange"}},
	{"change works on what is kept", []string{"UpdateReturnsErrorOfChange", "BadUsersAreRefused"}},
	{"id can change", []string{"UpdateKeepsTheID"}},
	{"aliased by change", []string{"UpdateGivesCopies"}},
	{"aliased by Update", []string{"UpdateGivesCopies"}},
	{"update returns what change has", []string{"UpdateGivesCopies"}},
	{"delete leaves indexes", []string{"DeleteFreesValues", "AgreesWithAModel"}},
	{"delete harms another", []string{"DeleteFreesValues"}},
	{"delete returns nothing", []string{"DeleteFreesValues", "AgreesWithAModel"}},
	{"aliased by Create", []string{"DirectoriesCopy"}},
	{"aliased by Lookup", []string{"DirectoriesCopy"}},
	{"aliased by Search", []string{"DirectoriesCopy"}},
	{"microseconds", []string{"TimesAreExact"}},
	{"local times", []string{"TimesAreExact"}},
	{"64 bit times", []string{"TimesAreExact"}},
	{"metadata as floats", []string{"MetadataIsKept"}},
	{"kept as JSON", []string{"OddTextIsKeptOrRefused"}},
	{"ordered without case", []string{"SearchInOrderOfIDs"}},
	{"search returns less", []string{"SearchReturnsWholeUsers"}},
	{"limit not limited", []string{"SearchLimits"}},
	{"next after the last page", []string{"LastPageHasNoNext"}},
	{"next after nothing", []string{"LastPageHasNoNext"}},
	{"cursor counts", []string{"CursorsOutliveTheirUsers", "WalksAreStable"}},
	{"cursor must be there", []string{"CursorsOutliveTheirUsers"}},
	{"bad cursor begins again", []string{"BadCursorsAreRefused"}},
	{"filters ignored", []string{"FiltersSelect", "FiltersAgreeWithMatch"}},
	{"any is all", []string{"FiltersSelect", "FiltersAgreeWithMatch"}},
	{"the moment ignored", []string{"FiltersSelect", "FiltersAgreeWithMatch"}},
	{"only the first filter", []string{"FiltersSelect", "FiltersAgreeWithMatch"}},
	{"case of ASCII only", []string{"FiltersSelect"}},
	{"filtered after the page was cut", []string{"FilteredWalksSeeEverybodyOnce", "FiltersSelect"}},
	{"filtered cursor counts", []string{"FilteredWalksAreStable"}},
	{"total of the page", []string{"TotalsCountEverybody", "FiltersAgreeWithMatch"}},
	{"total of the rest", []string{"TotalsCountEverybody"}},
	{"total of everybody", []string{"TotalsCountEverybody", "FiltersAgreeWithMatch"}},
	{"total not asked for", []string{"TotalsCountEverybody"}},
	{"bad filters match nobody", []string{"BadFiltersAreRefused"}},
	{"expired apps dropped", []string{"FiltersSelect"}},
	{"apps not indexed", []string{"CreatedIsFoundByEveryIndex", "CreateRefusesWhatIsTaken"}},
	{"apps kept by reference", []string{"DirectoriesCopy"}},
	{"lock in seconds", []string{"CreatedIsFoundByEveryIndex"}},
	{"expiry forgotten", []string{"CreatedIsFoundByEveryIndex"}},
	{"checked before the lock", []string{"OneCreateWins"}},
	{"update checked before the lock", []string{"OneUpdateWins", "AddressesMakeALock"}},
	{"updated in two steps", []string{"NoLostUserUpdate"}},
	{"torn update", []string{"ReadersSeeWholeUsers"}},
}

func TestPlantedDirectoryFlawsAreFound(t *testing.T) {
	t.Parallel()
	finds := make(map[string]bool)
	for _, plant := range plantedInDirectory {
		for _, name := range plant.found {
			finds[name] = true
			t.Run(plant.flaw+"/"+name, func(t *testing.T) {
				t.Parallel()
				i := slices.IndexFunc(directoryProperties, func(p directoryProperty) bool { return p.name == name })
				if i < 0 {
					t.Fatalf("no property %s", name)
				}
				v := &verdict{TB: t}
				directoryProperties[i].try(v, newRefDirectory(plant.flaw), reliable)
				if len(v.errors) == 0 {
					t.Fatal("not found")
				}
				t.Log(v.errors[0])
			})
		}
	}
	for _, p := range directoryProperties {
		if !finds[p.name] {
			t.Errorf("no planted flaw shows that the property %s can fail", p.name)
		}
	}
}

func TestReferenceDirectoryPasses(t *testing.T) {
	t.Parallel()
	RunDirectory(t, func(*testing.T) store.Directory { return newRefDirectory("") })
}
