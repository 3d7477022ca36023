module github.com/passcode-go/passcode/bench

go 1.26

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/jackc/pgx/v5 v5.12.0
	github.com/passcode-go/passcode v0.0.0
	github.com/passcode-go/passcode/adapters/pgstore v0.0.0
	github.com/passcode-go/passcode/adapters/redisstore v0.0.0
	github.com/redis/rueidis v1.0.79
	go.etcd.io/bbolt v1.5.0
)

require (
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)

replace (
	github.com/passcode-go/passcode => ../
	github.com/passcode-go/passcode/adapters/pgstore => ../adapters/pgstore
	github.com/passcode-go/passcode/adapters/redisstore => ../adapters/redisstore
)
