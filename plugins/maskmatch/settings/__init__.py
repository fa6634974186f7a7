"""What people enter, from wherever they enter it, to values that the rest may trust.

sources         where it is entered: connections, variables and options
  account       an account with its budgets and its permit store
  store         a store
fields          one setting: how it is read, how it must be written, what the form of a connection shows
account_fields  the settings of an account
store_fields    the settings of a store
run_fields      the settings of one run
airflow_options what Airflow's own configuration has of ours
dictionary      all of them in words
forms           from a table of fields to the form of a connection
readers         from text or JSON to a value
"""
