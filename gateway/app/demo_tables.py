"""What is in the demo's database. All people are made up, their numbers are ones that belong to nobody: the card
numbers are the well-known test numbers of card schemes, the others were never issued."""

TABLES = """
CREATE TABLE customers (
    id    integer PRIMARY KEY,
    name  text NOT NULL,
    email text NOT NULL,
    ssn   text NOT NULL,
    card  text NOT NULL,
    plan  text NOT NULL
);
CREATE TABLE orders (
    id       integer PRIMARY KEY,
    customer integer NOT NULL REFERENCES customers,
    placed   date NOT NULL,
    total    numeric(10, 2) NOT NULL,
    status   text NOT NULL
);
INSERT INTO customers VALUES
    (1001, 'Ada Lovelace', 'ada@example.com', '900-12-3456', '4111 1111 1111 1111', 'gold'),
    (1002, 'Alan Turing', 'alan@example.com', '900-23-4567', '5555 5555 5555 4444', 'basic'),
    (1003, 'Grace Hopper', 'grace@example.org', '900-34-5678', '3782 822463 10005', 'gold'),
    (1004, 'Edsger Dijkstra', 'edsger@example.net', '900-45-6789', '6011 1111 1111 1117', 'basic');
INSERT INTO orders
    SELECT 5000 + number, 1001 + number % 4, date '2026-11-01' + number, number * 12.5 + 7,
           (ARRAY['paid', 'shipped', 'open'])[1 + number % 3]
    FROM generate_series(1, 24) AS number;
"""
