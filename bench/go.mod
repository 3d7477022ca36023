module github.com/passcode-go/passcode/bench

go 1.26

require (
	github.com/passcode-go/passcode v0.0.0
	go.etcd.io/bbolt v1.5.0
)

require (
	github.com/anishathalye/porcupine v1.3.1 // indirect
	golang.org/x/sys v0.45.0 // indirect
)

replace github.com/passcode-go/passcode => ../
