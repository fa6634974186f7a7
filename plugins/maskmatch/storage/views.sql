-- Views over the tables of maskmatch for DuckDB (tried with 1.5), made by `maskmatch views`. Load httpfs and create a
-- secret before where the warehouse is in S3 (docs/analysts.md). The key of a row is row_id within a publication;
-- pair_id may stand twice.

-- What is current. A query that runs while a date is replaced fails, or has one publication: never a mixture.
create or replace view outcomes as
from read_parquet('${warehouse}/outcomes/current/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view runs as
from read_parquet('${warehouse}/runs/current/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view attempts as
from read_parquet('${warehouse}/attempts/current/*/*.parquet', hive_partitioning = true, union_by_name = true);

create or replace view images as
from read_parquet('${warehouse}/images/current/*/*.parquet', hive_partitioning = true, union_by_name = true);

-- Strict: the immutable files that the pointers name now, for queries that must not fail and must all see the
-- same; in this warehouse, which may be a copy. To see later publications, set the variable again.
set variable outcomes_files = (
    select list('${warehouse}/outcomes/_runs/' || split_part(path, '/outcomes/_runs/', -1) order by path)
    from read_json('${warehouse}/outcomes/_manifest/*.json', columns = {path: 'varchar'})
);

create or replace view outcomes_strict as
from read_parquet(getvariable('outcomes_files'), hive_partitioning = true, union_by_name = true);

-- Every publication of every date; one of them: where publication = '...'.
create or replace view outcomes_history as
from read_parquet('${warehouse}/outcomes/_runs/*/*.parquet', hive_partitioning = true, union_by_name = true);

-- Who replaced what, when and why.
create or replace view publications as
select logical_date, run_seq, publication,
    lag(publication) over (partition by logical_date order by run_seq) as replaced,
    published_at, run_id, reason, published_by, scored, failed, skipped, threshold_nominal_fmr, model_versions,
    run_seq = max(run_seq) over (partition by logical_date) as is_current
from runs;

-- What was current at a moment: from outcomes_as_of(now() - interval 7 days).
create or replace macro outcomes_as_of(moment) as table
select history.*
from outcomes_history as history
where publication in (
    select max_by(publication, run_seq) from runs where published_at <= moment group by logical_date
);

-- The latest score of each pair over all dates.
create or replace view latest_scores as
select * from outcomes
where score is not null
qualify row_number() over (partition by pair_id order by called_at desc nulls last, logical_date desc, row_id) = 1;

-- Every score that was ever published, by the face model that gave it: one per row and model.
create or replace view scores_by_model as
select * from outcomes_history
where score is not null
qualify row_number() over (partition by logical_date, row_id, model_version order by publication desc) = 1;

-- Failures as a to-do list, with what to do; also a manifest of its own where its reference_id is not null.
create or replace view failures as
select outcomes.*, advice.lasting, advice.advice
from outcomes left join (values
${advice}
) as advice(failure_code, lasting, advice) using (failure_code)
where outcome = 'failed';

-- Failure to acquire (ISO/IEC 19795-1) of rows, with its denominator: rows whose images the face service judged.
create or replace view failure_to_acquire as
select *, failed_to_acquire / nullif(tried_to_acquire, 0) as failure_to_acquire_rate
from (
    select logical_date, quality_control,
        count(*) filter (failure_class = 'biometric') as failed_to_acquire,
        count(*) filter (outcome = 'scored' or failure_class = 'biometric') as tried_to_acquire
    from outcomes
    where reference_id is not null
    group by all
);

-- The same of images: a bad image counts once, however many rows name it.
create or replace view failure_to_acquire_of_images as
select *, failed_to_acquire / nullif(tried_to_acquire, 0) as failure_to_acquire_rate
from (
    select logical_date,
        count(*) filter (failure_class = 'biometric') as failed_to_acquire,
        count(*) filter (scored > 0 or failure_class = 'biometric') as tried_to_acquire
    from images
    group by all
);

-- Images to look at first: those at fault, by the rows that they cost; then those whose mated scores are lowest.
create or replace view worst_images as
select content, min(image_id) as image_id, any_value(failure_code) as failure_code,
    sum(failed_by_it)::bigint as failed_by_it, sum(failed)::bigint as failed, sum(scored)::bigint as scored,
    sum(mated_score_mean * mated_scored) / nullif(sum(mated_scored), 0) as mated_score_mean
from images
group by content
having sum(failed) > 0 or sum(mated_scored) > 0
order by failed_by_it desc, failed desc, mated_score_mean nulls last, content;

-- Money: each call once, on the day on which it is billed, at the price of the tier that its month has reached.
create or replace view cost_by_day as
select account, answered_by, billed_on, billed_calls, maybe_billed_calls, price, billed_calls * price as cost,
    maybe_billed_calls * price as maybe_cost
from (
    select *, (case ${tiers} end)::decimal(10, 6) as price
    from (
        select *, sum(billed_calls) over (
            partition by account, answered_by, date_trunc('month', billed_on)
        ) as month_calls
        from (
            select account, answered_by, billed_on, count(*) filter (billed = 'yes') as billed_calls,
                count(*) filter (billed = 'perhaps') as maybe_billed_calls
            from attempts
            where billed_on is not null
            group by all
        )
    )
);

create or replace view cost_by_month as
select account, answered_by, date_trunc('month', billed_on)::date as month,
    sum(billed_calls)::bigint as billed_calls, sum(maybe_billed_calls)::bigint as maybe_billed_calls,
    max(price) as price, sum(cost) as cost, sum(maybe_cost) as maybe_cost
from cost_by_day
group by all;
