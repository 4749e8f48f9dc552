SELECT (hash(i) % (1 + keys))::BIGINT AS key,
       least + to_seconds((hash(i + 7) % (1 + epoch(greatest - least)::BIGINT))::BIGINT) AS event_timestamp
FROM range({entities}) AS t(i),
     (SELECT min("at") AS least, max("at") AS greatest, max(key) AS keys FROM read_parquet('{file}'))
