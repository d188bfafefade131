-- What happened, counted: the charts of the console. `width` is the length of a bucket in seconds, `bucket` its
-- beginning in milliseconds, `key` a result or a registered client or API; the empty key is all others.
CREATE TABLE activity (
    series TEXT   NOT NULL,
    width  BIGINT NOT NULL,
    bucket BIGINT NOT NULL,
    key    TEXT   NOT NULL,
    n      BIGINT NOT NULL,
    PRIMARY KEY (series, width, bucket, key)
);
CREATE INDEX activity_age ON activity (width, bucket, series, key);
