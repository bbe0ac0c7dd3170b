//! The Lambda `list-chart-accesses`.

api::serve!(list_chart_accesses);
