// Package browsertest has the tests of package loginpage in a real browser, and
// nothing else. They are a module of their own, so that no program has the
// browser's driver in its build list.
//
//	apt-get install -y chromium
//	npm ci --ignore-scripts
//	go test .
//
// Without Chromium, or without axe-core in node_modules, the tests are skipped;
// with PASSCODE_REQUIRE_BROWSER=1 they fail then. PASSCODE_SCREENSHOTS names a
// folder for pictures of every screen, in light and dark. Those in its folder
// readme are the ones that the folder screenshots of package loginpage keeps.
package browsertest
