package redisstore

import (
	"errors"
	"strconv"

	"github.com/redis/rueidis"
)

// errReply is what an answer that no script gives becomes.
var errReply = errors.New("redisstore: malformed reply")

// parseValue reads the answer of get and of swap: a value, nil for none, or the
// 1 of a swap that was made.
func parseValue(result rueidis.RedisResult) (value []byte, swapped bool, err error) {
	message, err := result.ToMessage()
	switch {
	case rueidis.IsRedisNil(err):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case message.IsInt64():
		if n, err := message.ToInt64(); n != 1 || err != nil {
			return nil, false, errReply
		}
		return nil, true, nil
	case message.IsString():
		// The bytes are nobody else's: each answer is read into memory of its own.
		value, err := message.AsBytes()
		if err != nil {
			return nil, false, err
		}
		if value == nil {
			value = []byte{}
		}
		return value, false, nil
	}
	return nil, false, errReply
}

// parseSum reads the answer of add: a number, or the text of one.
func parseSum(result rueidis.RedisResult) (int64, error) {
	message, err := result.ToMessage()
	if err != nil {
		return 0, err
	}
	if message.IsInt64() {
		return message.ToInt64()
	}
	text, err := message.ToString()
	if err != nil {
		return 0, errReply
	}
	sum, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errReply
	}
	return sum, nil
}
