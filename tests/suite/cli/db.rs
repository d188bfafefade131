//! `signet db`.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::Place;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_gives_the_room_of_deleted_rows_back_while_no_server_runs() {
    let place = Place::served();
    place.administrator("ada");
    let options = SqliteConnectOptions::new().filename(place.database());
    let mut database: SqliteConnection = options.connect().await.unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) \
                INSERT INTO meta SELECT 'filler' || i, randomblob(4000) FROM n";
    database.execute(fill).await.unwrap();
    database.execute("DELETE FROM meta WHERE name LIKE 'filler%'").await.unwrap();
    database.close().await.unwrap();
    let server = place.serve();
    place.run(&["db", "compact"]).refused(75, &["Stop it first"]);
    drop(server);
    let done = place.run(&["db", "compact"]).ok().one();
    let size = |name: &str| done[name].as_u64().unwrap();
    assert!(size("bytes_before") - size("bytes_after") > 1_500_000, "{done}");
    assert_eq!(place.database().metadata().unwrap().len(), size("bytes_after"));
    assert_eq!(place.run(&["user", "list"]).ok().rows().len(), 1);
    drop(place.serve());

    let empty = Place::empty();
    empty.run(&["db", "compact"]).refused(78, &["SIGNET_DATA_DIR"]);
    assert!(!empty.database().exists());
    let other = Place::empty().with("SIGNET_DATABASE_URL", "postgres://u@127.0.0.1:1/x");
    other.run(&["db", "compact"]).refused(78, &["SQLite"]);
}
