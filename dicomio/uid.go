package dicomio

import (
	"crypto/sha256"
	"encoding/json"
	"math/big"

	"github.com/google/uuid"
)

// uidSpace is the name space of the UUIDs made here: any fixed value does, and changing it renames every object ever written.
var uidSpace = uuid.MustParse("6c1f5a0e-3c0b-5b8e-9f57-2d5f1c0a7e41")

// implementationClassUID names this writer in the file meta information (PS3.7 D.3.3.2).
var implementationClassUID = deriveUID("implementation", "github.com/closer-mri/closer/dicomio")

// deriveUID returns the UID 2.25.<decimal UUID> (PS3.5 B.2) that belongs to these parts: equal parts, equal UID. The UUID is
// RFC 9562's version 8 over SHA-256. As a decimal of at most 39 digits without leading zeros it keeps UIDs under 64 characters.
func deriveUID(parts ...string) string {
	name, err := json.Marshal(parts) // unambiguous: ("ab", "c") and ("a", "bc") differ
	if err != nil {
		panic(err) // strings always marshal
	}
	id := uuid.NewHash(sha256.New(), uidSpace, name, 8)
	return "2.25." + new(big.Int).SetBytes(id[:]).String()
}
