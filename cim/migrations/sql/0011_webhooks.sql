CREATE TABLE cim.webhook (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    types TEXT[] DEFAULT '{}' NOT NULL,
    steps TEXT[] DEFAULT '{}' NOT NULL,
    severity SMALLINT,
    area_code TEXT,
    box geometry(POLYGON,4490),
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT webhook_pkey PRIMARY KEY (id)
);

CREATE TABLE cim.webhook_delivery (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    key UUID DEFAULT gen_random_uuid() NOT NULL,
    webhook_id BIGINT NOT NULL,
    event_id BIGINT,
    step TEXT NOT NULL,
    body JSONB NOT NULL,
    state TEXT DEFAULT 'waiting' NOT NULL CONSTRAINT webhook_delivery_state_check CHECK (state IN ('waiting', 'delivered', 'given_up')),
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    leased_until TIMESTAMP WITH TIME ZONE,
    attempts INTEGER DEFAULT '0' NOT NULL,
    status_code SMALLINT,
    error TEXT,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT webhook_delivery_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_delivery_key_key UNIQUE (key),
    CONSTRAINT webhook_delivery_webhook_id_fkey FOREIGN KEY(webhook_id) REFERENCES cim.webhook (id) ON DELETE CASCADE,
    CONSTRAINT webhook_delivery_event_id_fkey FOREIGN KEY(event_id) REFERENCES cim.event (id) ON DELETE SET NULL
);
CREATE INDEX webhook_delivery_due_at_idx ON cim.webhook_delivery (webhook_id, due_at) WHERE state = 'waiting';
CREATE INDEX webhook_delivery_event_id_idx ON cim.webhook_delivery (event_id);
CREATE INDEX webhook_delivery_finished_at_idx ON cim.webhook_delivery (finished_at) WHERE state <> 'waiting';
CREATE INDEX webhook_delivery_webhook_id_idx ON cim.webhook_delivery (webhook_id, id);
