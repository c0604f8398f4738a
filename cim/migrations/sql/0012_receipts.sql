CREATE TABLE cim.receipt (
    hash TEXT NOT NULL,
    role TEXT NOT NULL,
    area_code TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    query TEXT NOT NULL,
    body BYTEA,
    layers JSONB NOT NULL,
    parts JSONB NOT NULL,
    answered_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT receipt_pkey PRIMARY KEY (hash, role, area_code)
);
CREATE INDEX receipt_asked_at_idx ON cim.receipt (asked_at);
