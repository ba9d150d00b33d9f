//! SRV and NAPTR records from the name servers a desktop's configuration names.

use std::io;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};
use tandem_sip::locate::{NaptrRecord, SrvRecord};

/// How long one name server may take. Many a home router never answers what it does not know the type of, and
/// somebody waits to be signed in.
const PATIENCE: Duration = Duration::from_millis(1_500);

pub(super) fn srv(service: &str) -> io::Result<Vec<SrvRecord>> {
    let found = look_up(service, RecordType::SRV)?;
    let records = found.into_iter().filter_map(|data| match data {
        RData::SRV(srv) => Some(SrvRecord {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: srv.target.to_ascii(),
        }),
        _ => None,
    });
    Ok(records.collect())
}

pub(super) fn naptr(domain: &str) -> io::Result<Vec<NaptrRecord>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let found = look_up(domain, RecordType::NAPTR)?;
    let records = found.into_iter().filter_map(|data| match data {
        RData::NAPTR(naptr) => Some(NaptrRecord {
            order: naptr.order,
            preference: naptr.preference,
            flags: text(&naptr.flags),
            service: text(&naptr.services),
            regexp: text(&naptr.regexp),
            replacement: naptr.replacement.to_ascii(),
        }),
        _ => None,
    });
    Ok(records.collect())
}

/// Asks on a runtime of its own: whoever calls is on a thread that may block, with or without a runtime
/// around it.
fn look_up(name: &str, kind: RecordType) -> io::Result<Vec<RData>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut builder = TokioResolver::builder_tokio().map_err(io::Error::other)?;
        let options = builder.options_mut();
        options.timeout = PATIENCE;
        options.attempts = 2;
        let resolver = builder.build().map_err(io::Error::other)?;
        // The name is whole: the search list of the machine's own domain has no part in it.
        let whole = format!("{}.", name.trim_end_matches('.'));
        match resolver.lookup(whole, kind).await {
            Ok(found) => {
                let records = found.answers().iter().map(|record| record.data.clone());
                Ok(records.collect())
            }
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(io::Error::other(error)),
        }
    })
}
