//! Rows that were removed.

use verify::report::Aspect;

use super::scene::{case, is_row, place};

use Aspect::{Completeness, Integrity};

#[tokio::test]
async fn the_first_a_middle_and_the_last_row_of_a_chain_are_missed() {
    let case = case().await;
    case.is_intact().await;
    case.as_superuser("create table kept_rows as table audit_logs")
        .await;
    let chain = case.scene.sealed_chain();
    for row in [chain[0], chain[1], chain[chain.len() - 1]] {
        case.as_superuser(&format!("delete from audit_logs where {}", is_row(row)))
            .await;
        case.is_violated(Integrity, &place(row)).await;
        // The function logged that the row is committed.
        case.is_violated(Completeness, &place(row)).await;
        case.as_superuser(&format!(
            "insert into audit_logs select * from kept_rows where {}",
            is_row(row)
        ))
        .await;
        case.is_intact().await;
    }
}

#[tokio::test]
async fn a_whole_chain_is_missed() {
    let case = case().await;
    case.is_intact().await;
    let chain = case.scene.sealed_chain();
    let id = chain[0].position.chain_id;
    case.as_superuser(&format!("delete from audit_logs where chain_id = '{id}'"))
        .await;
    for row in chain {
        case.is_violated(Integrity, &place(row)).await;
    }
}

#[tokio::test]
async fn a_tail_that_was_cut_before_it_was_sealed_is_proven_by_its_landed_lines() {
    let case = case().await;
    case.is_intact().await;
    let chain = case.scene.growing_chain();
    let tail: Vec<_> = chain
        .into_iter()
        .filter(|row| !case.scene.is_sealed(row))
        .collect();
    assert_eq!(tail.len(), 2);
    for row in &tail {
        case.as_superuser(&format!("delete from audit_logs where {}", is_row(row)))
            .await;
    }
    for row in &tail {
        case.is_violated(Completeness, &place(row)).await;
        let request = verify::report::Subject::Request(row.entry.request_id.clone());
        let reasons = case.is_violated(Completeness, &request).await;
        assert!(reasons.contains("answered 200"), "{reasons}");
    }
}

#[tokio::test]
async fn without_logs_nothing_is_said_about_completeness() {
    let mut case = case().await;
    let tail = case.scene.new_row();
    let statement = format!("delete from audit_logs where {}", is_row(tail));
    case.as_superuser(&statement).await;
    case.inputs.function_log.clear();
    case.inputs.gateway_log.clear();
    let report = case.verify().await;
    assert_eq!(report.exit_code(&[]), 0, "{report}");
    assert_eq!(report.exit_code(&[Completeness]), 2, "{report}");
    assert!(
        report.to_string().contains("completeness: not checked"),
        "{report}"
    );
}

#[tokio::test]
async fn a_partition_that_was_truncated_is_missed() {
    let case = case().await;
    case.is_intact().await;
    let month = case.scene.rows[0].month.to_string();
    let partition = format!("audit_logs_{}", month[..7].replace('-', "_"));
    case.as_superuser(&format!("truncate {partition}")).await;
    for row in case.scene.sealed_chain() {
        case.is_violated(Integrity, &place(row)).await;
    }
}

#[tokio::test]
async fn a_database_that_was_restored_to_yesterday_lacks_sealed_rows() {
    let case = case().await;
    case.is_intact().await;
    // A backup has the transactions that were committed before the second batch.
    let horizon = case.scene.horizons[0];
    case.as_superuser(&format!("delete from audit_logs where xid >= '{horizon}'"))
        .await;
    let lost = case
        .scene
        .rows
        .iter()
        .filter(|row| row.xid.unsigned_abs() >= horizon && case.scene.is_sealed(row));
    let lost: Vec<_> = lost.collect();
    assert!(lost.len() > 4);
    for row in lost {
        case.is_violated(Integrity, &place(row)).await;
    }
}
