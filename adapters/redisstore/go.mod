module github.com/passcode-go/passcode/adapters/redisstore

go 1.26

require (
	github.com/passcode-go/passcode v0.0.0
	github.com/redis/rueidis v1.0.79
)

require golang.org/x/sys v0.47.0 // indirect

replace github.com/passcode-go/passcode => ../..
