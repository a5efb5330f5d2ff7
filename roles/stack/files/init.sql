-- Runs once, when the database is made. Later changes of the schema are the app's migrations.
BEGIN;

CREATE TABLE users (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username      text NOT NULL UNIQUE,
    email         text NOT NULL UNIQUE,
    role          text NOT NULL DEFAULT 'member' CHECK (role IN ('member', 'manager', 'admin')),
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE items (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku           text NOT NULL UNIQUE,
    name          text NOT NULL,
    location      text,
    quantity      integer NOT NULL DEFAULT 0 CHECK (quantity >= 0),
    reorder_level integer NOT NULL DEFAULT 0 CHECK (reorder_level >= 0),
    price_pence   integer NOT NULL DEFAULT 0 CHECK (price_pence >= 0)
);

CREATE TABLE orders (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id       bigint NOT NULL REFERENCES users (id),
    status        text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'sold', 'cancelled')),
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE order_lines (
    order_id      bigint NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    item_id       bigint NOT NULL REFERENCES items (id),
    quantity      integer NOT NULL CHECK (quantity > 0),
    price_pence   integer NOT NULL CHECK (price_pence >= 0),
    PRIMARY KEY (order_id, item_id)
);

CREATE INDEX orders_by_user ON orders (user_id, created_at);

COMMIT;
