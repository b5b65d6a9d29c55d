-- Products of the shop: one row per product_id. Prices in USD.
-- Twenty rows that every sale is joined with: a copy on each node, in order of the join's key.
create table if not exists dim_products (
    product_id varchar(4096) not null,
    product_name varchar(800) not null,
    category varchar(400) not null,
    price decimal(12, 2) not null,
    supplier_id varchar(128) not null,
    primary key (product_id)
)
diststyle all
sortkey (product_id)
