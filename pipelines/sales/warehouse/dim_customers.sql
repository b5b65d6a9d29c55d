-- Customers of the shop: one row per customer_id. Tokens stand for their names and addresses.
-- Ten rows that every sale is joined with: a copy on each node, in order of the join's key.
create table if not exists dim_customers (
    customer_id varchar(4096) not null,
    first_name varchar(400) not null,
    last_name varchar(400) not null,
    email varchar(1280) not null,
    membership_level varchar(4096) not null,
    primary key (customer_id)
)
diststyle all
sortkey (customer_id)
