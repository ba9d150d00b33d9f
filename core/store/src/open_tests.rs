use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use tandem_types::EndReason;
use tempfile::TempDir;

use crate::testing::{
    again, bob_hung_up, call_id, call_to_bob, child_folder, history, integrity, key, tell, told,
};
use crate::{Store, StoreError, UnixMillis, connection, schema};

fn open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(folder, &key(), UnixMillis(0)).map(|(store, _)| store)
}

#[test]
fn there_is_one_writer_and_readers_come_and_go() {
    let folder = TempDir::new().unwrap();
    let nothing = Store::open_read_only(folder.path(), &key());
    assert!(matches!(nothing, Err(StoreError::Missing)));

    let mut store = open(folder.path()).unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::AlreadyOpen)));
    let reader = Store::open_read_only(folder.path(), &key()).unwrap();
    store.begin_call(&call_to_bob(call_id(1), 5)).unwrap();
    assert_eq!(reader.calls(None, 10).unwrap().items.len(), 1);
    assert_eq!(
        reader.call(&call_id(1)).unwrap(),
        store.call(&call_id(1)).unwrap()
    );

    drop(store);
    assert_eq!(
        reader.calls(None, 10).unwrap().items.len(),
        1,
        "after the writer left"
    );
    drop(reader);
    let reader = Store::open_read_only(folder.path(), &key()).unwrap();
    let still_open = reader.call(&call_id(1)).unwrap().unwrap();
    assert_eq!(still_open.end_reason, None, "a reader closes nothing");
    let (_store, report) = Store::open(folder.path(), &key(), UnixMillis(9)).unwrap();
    assert_eq!(report.interrupted, [call_id(1)]);
}

#[test]
fn a_writer_in_another_process_keeps_this_one_out_until_it_is_killed() {
    const NAME: &str =
        "open_tests::a_writer_in_another_process_keeps_this_one_out_until_it_is_killed";
    if let Some(folder) = child_folder() {
        let mut store = open(&folder).unwrap();
        store.begin_call(&call_to_bob(call_id(1), 5)).unwrap();
        tell("open");
        // Until the parent kills it, or is gone.
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
        return;
    }
    let folder = TempDir::new().unwrap();
    let mut child = again(NAME, folder.path());
    let mut child = child.stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "> open"));
    let kept_out = open(folder.path());
    let reader = Store::open_read_only(folder.path(), &key());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(matches!(kept_out, Err(StoreError::AlreadyOpen)));
    assert_eq!(reader.unwrap().calls(None, 9).unwrap().items.len(), 1);

    // Only a reader again, on what the killed writer left behind.
    let reader = Store::open_read_only(folder.path(), &key()).unwrap();
    assert_eq!(reader.calls(None, 9).unwrap().items.len(), 1);
    drop(reader);
    let store = open(folder.path()).unwrap();
    let call = store.call(&call_id(1)).unwrap().unwrap();
    assert_eq!(call.end_reason, Some(EndReason::Interrupted));
}

#[test]
fn a_store_of_a_newer_version_is_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let newer = "PRAGMA user_version = 999; CREATE TABLE future (x TEXT) STRICT;";
    store.connection().execute_batch(newer).unwrap();
    // As a kill leaves it: the version stands in the write-ahead log.
    let left = TempDir::new().unwrap();
    let files = ["tandem.sqlite", "tandem.sqlite-wal"];
    for file in files {
        fs::copy(folder.path().join(file), left.path().join(file)).unwrap();
    }
    let content = || files.map(|file| fs::read(left.path().join(file)).unwrap());
    let before = content();

    for _ in 0..2 {
        let writer = open(left.path()).map(drop).unwrap_err();
        let reader = Store::open_read_only(left.path(), &key());
        for error in [writer, reader.map(drop).unwrap_err()] {
            let StoreError::NewerVersion { found, known } = error else {
                panic!("{error}");
            };
            assert_eq!((found, known), (999, schema::newest()));
            assert!(error.to_string().contains("made by a newer version"));
        }
        assert!(content() == before);
    }
}

#[test]
fn what_is_no_store_is_called_so_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join(connection::DATABASE);
    let plain = {
        let path = folder.path().join("plain");
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE t (x)")
            .unwrap();
        fs::read(path).unwrap()
    };
    let noise: Vec<u8> = (0..20_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for content in [b"hello".to_vec(), vec![0; 5_000], noise, plain] {
        fs::write(&file, &content).unwrap();
        assert!(matches!(open(folder.path()), Err(StoreError::NotAStore)));
        let reader = Store::open_read_only(folder.path(), &key());
        assert!(matches!(reader, Err(StoreError::NotAStore)));
        assert_eq!(fs::read(&file).unwrap(), content);
    }

    // No bytes at all is what a kill right after the file was made leaves: a store yet to be.
    fs::write(&file, b"").unwrap();
    let reader = Store::open_read_only(folder.path(), &key());
    assert!(matches!(reader, Err(StoreError::NotMigrated)));
    open(folder.path()).unwrap();
}

#[test]
fn a_folder_that_cannot_hold_a_store_says_why() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing");
    assert!(matches!(open(&missing), Err(StoreError::Missing)));
    fs::create_dir(folder.path().join(connection::DATABASE)).unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::NotWritable)));
}

/// Played by a process that the permissions bind: the superuser writes anywhere.
#[test]
fn a_read_only_folder_opens_for_nobody_who_writes() {
    const NAME: &str = "open_tests::a_read_only_folder_opens_for_nobody_who_writes";
    if let Some(folder) = child_folder() {
        let error = open(&folder).map(drop).unwrap_err();
        tell(&format!("{error:?}"));
        return;
    }
    let folder = TempDir::new().unwrap();
    let mut store = open(folder.path()).unwrap();
    store.begin_call(&call_to_bob(call_id(1), 5)).unwrap();
    drop(store);
    let allow =
        |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();

    // A copy that any user may run, in a folder that any user may enter.
    let program = TempDir::new().unwrap();
    fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = program.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut child = Command::new(&copy);
    let plan = again(NAME, folder.path());
    child.args(plan.get_args());
    child.envs(
        plan.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let superuser = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    if superuser {
        const NOBODY: u32 = 65_534;
        child.uid(NOBODY).gid(NOBODY);
    }
    allow(0o555);
    let output = child.output();
    allow(0o755);
    assert_eq!(told(&output.unwrap().stdout), ["NotWritable"]);
    assert_eq!(
        open(folder.path())
            .map(|store| history(&store).len())
            .unwrap(),
        1
    );
}

#[test]
fn a_full_disk_refuses_a_row_and_keeps_the_others() {
    let folder = TempDir::new().unwrap();
    let mut store = open(folder.path()).unwrap();
    let pages: i64 = store
        .connection()
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    store
        .connection()
        .pragma_update(None, "max_page_count", pages + 2)
        .unwrap();
    let mut written = 0;
    let refused = loop {
        match store.begin_call(&call_to_bob(call_id(written), 5)) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000);
    };
    assert!(matches!(refused, StoreError::DiskFull), "{refused}");
    // A row that is there can still be closed.
    store.finish_call(&call_id(0), &bob_hung_up(9)).unwrap();
    drop(store);
    let store = open(folder.path()).unwrap();
    assert_eq!(history(&store).len(), usize::try_from(written).unwrap());
    assert_eq!(integrity(&store), "ok");
}

/// The kernel refuses to let any file grow beyond 512 KiB: a failing write in the middle of a transaction.
#[test]
fn a_disk_that_fails_half_way_costs_the_row_in_flight_only() {
    const NAME: &str = "open_tests::a_disk_that_fails_half_way_costs_the_row_in_flight_only";
    if let Some(folder) = child_folder() {
        let mut store = open(&folder).unwrap();
        for number in 0..10_000 {
            match store.begin_call(&call_to_bob(call_id(number), 5)) {
                Ok(()) => tell(&number.to_string()),
                Err(StoreError::DiskFull | StoreError::DiskCode(_)) => {
                    tell("failed");
                    return;
                }
                Err(other) => panic!("{other}"),
            };
        }
        return;
    }
    let folder = TempDir::new().unwrap();
    let plan = again(NAME, folder.path());
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\""]);
    limited.arg(plan.get_program()).args(plan.get_args());
    limited.envs(
        plan.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let told = told(&limited.output().unwrap().stdout);
    let (last, committed) = told.split_last().unwrap();
    assert_eq!(last, "failed");
    assert!(committed.len() > 5, "{told:?}");

    let store = open(folder.path()).unwrap();
    assert_eq!(integrity(&store), "ok");
    assert_eq!(history(&store).len(), committed.len());
}

/// `tests/fixtures/db/NNN.sqlite` holds what the program of schema version NNN wrote; see the README there.
#[test]
fn the_store_of_every_earlier_version_opens() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/db");
    if std::env::var_os("TANDEM_MAKE_FIXTURE").is_some() {
        make_fixture(&fixtures.join(format!("{:03}.sqlite", schema::newest())));
    }
    for version in 1..=schema::newest() {
        let folder = TempDir::new().unwrap();
        let fixture = fixtures.join(format!("{version:03}.sqlite"));
        fs::copy(fixture, folder.path().join(connection::DATABASE)).unwrap();
        let (store, report) = Store::open(folder.path(), &key(), UnixMillis(99_000)).unwrap();
        assert_eq!(integrity(&store), "ok");
        assert_eq!(report.interrupted, [call_id(2)], "version {version}");
        let [up, over] = history(&store).try_into().unwrap();
        assert_eq!(
            (up.id, up.end_reason),
            (call_id(2), Some(EndReason::Interrupted))
        );
        assert_eq!(
            (over.id, over.end_reason),
            (call_id(1), Some(EndReason::RemoteHangUp))
        );
        assert_eq!(over.quality, bob_hung_up(0).quality);
        assert_eq!(over.person_name.unwrap().reveal(), "Bob Builder");
    }
}

fn make_fixture(path: &Path) {
    let folder = TempDir::new().unwrap();
    let mut store = open(folder.path()).unwrap();
    store.begin_call(&call_to_bob(call_id(1), 1_000)).unwrap();
    store.mark_accepted(&call_id(1), UnixMillis(2_000)).unwrap();
    store.finish_call(&call_id(1), &bob_hung_up(9_000)).unwrap();
    store.begin_call(&call_to_bob(call_id(2), 10_000)).unwrap();
    drop(store);
    fs::copy(folder.path().join(connection::DATABASE), path).unwrap();
}
