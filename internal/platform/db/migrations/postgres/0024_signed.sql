-- +goose Up
-- What was signed and came by mail: the same signature under another letter proves nothing. It is remembered for good, as signatures stay valid.

CREATE TABLE filing_signed (
  fingerprint TEXT COLLATE "C" NOT NULL,    -- of the signer's key
  sha256      TEXT COLLATE "C" NOT NULL,    -- of what is signed
  message     BIGINT NOT NULL,  -- that it came with first
  at          BIGINT NOT NULL,
  PRIMARY KEY (fingerprint, sha256)
);

-- +goose Down
DROP TABLE filing_signed;
