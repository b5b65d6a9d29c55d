-- Sales: one row per transaction_id. Prices and totals in USD; customer_email holds tokens.
-- distkey: a MERGE by transaction_id moves no row between nodes, and its values spread evenly.
-- sortkey: reports ask for days, so a day's blocks lie together.
create table if not exists fact_sales (
    transaction_id varchar(4096) not null,
    customer_id varchar(4096) not null,
    customer_email varchar(4096) not null,
    product_id varchar(4096) not null,
    product_name varchar(4096) not null,
    category varchar(4096) not null,
    supplier_id varchar(4096) not null,
    quantity integer not null,
    price decimal(12, 2) not null,
    total_amount decimal(18, 2) not null,
    transaction_class varchar(4096) not null,
    transaction_date date not null,
    payment_type varchar(4096) not null,
    status varchar(4096) not null,
    primary key (transaction_id)
)
distkey (transaction_id)
sortkey (transaction_date)
