-- Every draw is a hash of (seed, what it is for, row number): no state, so threads and order of work change nothing.
-- The number goes through the finalizer after the salt is mixed in; hash(seed, salt, i) would only XOR them, and draws
-- with different salts would then be functions of one another.
create macro noise(salt, i) as hash(xor(hash(getvariable('seed'), salt), i::ubigint));
create macro u(salt, i) as (noise(salt, i) >> 11)::double / 9007199254740992;
create macro below(n, share) as floor(n * share)::bigint;
create macro pick(options, share) as options[1 + below(len(options), share)];
create macro bell(salt, i) as sqrt(-2 * ln(1 - u(salt, i))) * cos(2 * pi() * u(salt || ' angle', i));
create macro late_tail(mean, salt, i) as -mean * ln(1 - u(salt, i));
create macro ident(kind, i) as md5(concat_ws('/', getvariable('seed'), kind, i));
create macro after_days(moment, days) as moment + to_seconds((86400 * days)::bigint);
-- Products sell by a steep curve, sellers too; each product and each seller sells at least once.
create macro product_of(i, basket_rank) as
    if(basket_rank < getvariable('products'), basket_rank, below(getvariable('products'), u('bestseller', i) ** 2.0));
create macro seller_of(p) as if(p < getvariable('sellers'), p, below(getvariable('sellers'), u('seller', p) ** 2.0));
create macro sold_by(i, line, p) as
    if(p >= getvariable('sellers') and u('other seller', i * 64 + line) < 0.04,
        below(getvariable('sellers'), u('which seller', i * 64 + line) ** 2.0), seller_of(p));
