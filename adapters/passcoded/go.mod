module github.com/passcode-go/passcode/adapters/passcoded

go 1.26

require github.com/passcode-go/passcode v0.0.0

require (
	github.com/nyaruka/phonenumbers v1.8.1 // indirect
	go.etcd.io/bbolt v1.5.0 // indirect
	golang.org/x/sys v0.45.0 // indirect
	golang.org/x/text v0.23.0 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
)

replace github.com/passcode-go/passcode => ../..
