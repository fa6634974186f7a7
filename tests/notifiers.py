"""Whom the Dags of tests tell: Airflow's own notifiers, found by the path of `everybody`."""

from airflow.providers.http.notifications import HttpNotifier
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

everybody = [
    HttpNotifier(
        http_conn_id="alerts_webhook",
        endpoint="alerts",
        json={
            name: f"{{{{ alert.{name} }}}}" for name in ("kind", "title", "text", "date", "task_id", "url")
        },
    ),
    SmtpNotifier(
        smtp_conn_id="alerts_mail",
        from_email="maskmatch@example.com",
        to="faces@example.com",
        subject="{{ alert.title }}",
        html_content="<p>{{ alert.text | e }}</p>",
    ),
]
